"""Calibrated confidence: the probability that a casino's users bet on the slips that they are shown."""

from math import log, log1p, tanh
from typing import Annotated

import msgspec

LEAST_SHARE = 1e-4  # minimal distance of a slip's share from 0 and 1
_MOST = 1e3  # bound of a weight
_Weight = Annotated[float, msgspec.Meta(ge=-_MOST, le=_MOST)]
_Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class SlipWeights(msgspec.Struct, frozen=True, array_like=True):
    """The weights of a logistic regression: of 1, of the log-odds of the slip's share in the softmax of the scores, and
    of the logarithm of the user's coupons + 1. Shares are clipped to the range of shares to which it was fitted."""

    constant: _Weight
    share: Annotated[float, msgspec.Meta(ge=0, le=_MOST)]
    coupons: _Weight
    lowest_share: _Share = LEAST_SHARE
    highest_share: _Share = 1 - LEAST_SHARE


class Calibration(msgspec.Struct, frozen=True, array_like=True):
    """The weights for slips of 1, 2, .. events, for the probability that a user bets on one of them within a day.
    Longer slips use the last weights."""

    by_events: Annotated[tuple[SlipWeights, ...], msgspec.Meta(min_length=1, max_length=100)]

    def probability(self, share: float, coupons: int, events: int) -> float:
        weights = self.by_events[min(events, len(self.by_events)) - 1]
        share = min(max(weights.lowest_share, share), weights.highest_share)
        log_odds = weights.constant + weights.share * log(share / (1 - share)) + weights.coupons * log1p(coupons)
        return 0.5 + 0.5 * tanh(log_odds / 2)

    def encode(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, encoded: bytes) -> "Calibration":
        return msgspec.msgpack.decode(encoded, type=cls)
