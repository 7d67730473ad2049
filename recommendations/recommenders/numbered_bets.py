"""Users' bets on outcomes as numbers of keys. Bets of equal content are looked up once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import ref

import numpy as np

from recommendations.offer.arrays import Codes, Floats
from recommendations.tallies.outcome_bets import NO_BAND, OutcomeBet, Texts
from recommendations.tallies.outcome_keys import OUTCOME_ATTRIBUTES, key_of_odds_band, keys_of_outcome, line_band
from recommendations.tallies.selections import BAND_BOUNDS

from .base import BettingProfile

# Attribute -> key -> number; only grows.
KeyNumbers = Mapping[str, Mapping[str, int]]

UNKNOWN = len(BAND_BOUNDS) + 2  # numbers below stand for no key: one for each band, and one for no band
MAX_TEXTS = 20_000
_BYTES_OF_TEXTS = 500  # sizes of the objects
_MEMO_KEY = "weights of bets on outcomes"  # in a profile's memo


class NumberedBets:
    """The numbers of the keys of bets on outcomes; numbers below `UNKNOWN` stand for keys that `numbers` lacks. They
    are looked up once for each `version` of `numbers`: read it before keys, and increase it after adding keys.
    Thread-safe."""

    def __init__(self, numbers: KeyNumbers, max_texts: int = MAX_TEXTS) -> None:
        self._numbers, self._max_texts = numbers, max_texts
        self._known = _Known(0, numbers)

    @property
    def nbytes(self) -> int:
        return len(self._known) * _BYTES_OF_TEXTS

    def weights_of(self, profile: BettingProfile, *, version: int) -> tuple[Codes, Floats]:
        """The numbers of the m keys of the profile's bets, and the sum of the weights of the bets with each key, both
        of shape (m,). Cached in the profile's memo for the same version, and for later ones if all keys have
        numbers."""
        known = self._known
        if known.version != version or len(known) > self._max_texts:
            known = self._known = _Known(version, self._numbers)
        cached: tuple[list[Any], tuple[Codes, Floats]] | None = profile.bets_memo.get(_MEMO_KEY)
        if cached is None or ((source := cached[0][0]()) is not self and source is not known):
            sums = _sum_weights(known, profile.bets)
            is_complete = sums[0].min(initial=UNKNOWN) >= UNKNOWN
            cached = profile.bets_memo[_MEMO_KEY] = [ref(self if is_complete else known)], sums
        return cached[1]


class _Known(dict[Texts, tuple[int, int, int, int]]):
    """Texts of a bet -> the numbers of its keys; the last number is that of odds band 0."""

    __slots__ = ("__weakref__", "_numbers", "version")

    def __init__(self, version: int, numbers: KeyNumbers) -> None:
        self.version, self._numbers = version, numbers

    def __missing__(self, texts: Texts) -> tuple[int, int, int, int]:
        sport, market, line, outcome = texts
        values = *keys_of_outcome(sport, market, line_band(line), outcome), key_of_odds_band(sport, 0)
        on_market, on_line, on_outcome, band = (
            self._numbers[attribute].get(key, 0) for attribute, key in zip(OUTCOME_ATTRIBUTES, values, strict=True)
        )
        numbers = self[texts] = on_market, on_line, on_outcome, band or -NO_BAND
        return numbers


def _sum_weights(known: _Known, bets: Iterable[OutcomeBet]) -> tuple[Codes, Floats]:
    """The sums for some 30 bets, in less time than numpy's first call would take."""
    sums = defaultdict[int, float](float)
    for weight, texts, band in bets:
        on_market, on_line, on_outcome, first_band = known[texts]
        sums[on_market] += weight
        sums[on_line] += weight
        sums[on_outcome] += weight
        sums[first_band + band] += weight
    return np.fromiter(sums, np.int32, len(sums)), np.fromiter(sums.values(), np.float64, len(sums))
