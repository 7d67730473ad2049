"""A baseline that learns to rank by LambdaRank, from common features of users and events."""

from collections import deque
from typing import Any

import lightgbm
import numpy as np

from recommendations.offer import ATTRIBUTES
from recommendations.offer.arrays import Floats, Floats32, Places
from recommendations.replay.history import PastCoupon, slip_key, slips_of

from .item_to_item import SequenceSettings, SequentialRules
from .past_bets import DAY, HOUR, PastBets
from .peer import FittedPeer

MAX_CASES = 6_000  # the latest
MAX_CANDIDATES = 40  # rows per case: the event bet on, and a random sample of the others
PARAMETERS: dict[str, Any] = {
    "objective": "lambdarank",
    "num_iterations": 100,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
    "verbose": -1,
}
LATEST = 50  # latest events of a user that are compared with a candidate


class LambdaRank(FittedPeer):
    """LightGBM's LambdaRank. Features of an event: its bets at four time scales, the hours since it opened and until it
    begins, its odd. Features of user and event: the shares of the user's latest events with the same attributes, the
    users who bet on both (cosine), two scores of sequential rules, and the user's number of events. Cases are the
    users' first bets on an event that had earlier bets, without the slip's other legs. An unknown user has these
    features too."""

    def __init__(self, past: PastBets, leaves: int) -> None:
        super().__init__("lambdarank", past, refit=DAY)
        self._parameters = PARAMETERS | {"num_leaves": leaves}
        self._rules = [SequentialRules(past, SequenceSettings(*each)) for each in ((1, 1), (10, 10))]
        self._codes = np.stack([getattr(past.history.events, name).codes for name in ATTRIBUTES])
        self._slips = slips_of(past.history.coupons)
        self._cases = deque[Floats32](maxlen=MAX_CASES)  # the first row is the event bet on
        self._rng = np.random.default_rng(1)
        self._model: lightgbm.Booster | None = None

    def observe(self, coupon: PastCoupon) -> None:
        legs = self._slips.pop(slip_key(coupon), ())  # none left: the slip's first coupon has used them
        if legs and coupon.user_id in self.past.bets_of:
            places = self.past.open_to(coupon.user_id, coupon.timestamp)
            for place in legs:
                if place in places and self.past.counts[place] > 0:
                    self._cases.append(self._case(coupon, place, np.setdiff1d(places, legs)))
        for rules in self._rules:
            rules.observe(coupon)

    def _case(self, coupon: PastCoupon, place: int, others: Places) -> Floats32:
        sampled = self._rng.permutation(others)[: MAX_CANDIDATES - 1]
        return self._features(coupon.user_id, np.append(place, sampled), coupon.timestamp)

    def fit(self) -> None:
        if not self._cases:
            return
        labels = np.concatenate([np.arange(len(case)) == 0 for case in self._cases]).astype(np.int8)
        sizes = [len(case) for case in self._cases]
        self._model = lightgbm.train(
            self._parameters, lightgbm.Dataset(np.concatenate(self._cases), labels, group=sizes)
        )

    def predict(self, user_id: int, places: Places, now: float) -> Floats:
        if self._model is None or not places.size:
            return np.zeros(places.size)
        found = self._model.predict(self._features(user_id, places, now))
        scores: Floats = np.asarray(found, dtype=np.float64)
        return scores

    def _features(self, user_id: int, places: Places, now: float) -> Floats32:
        """The features of these events for the user, shape (n, features)."""
        past, events = self.past, self.past.history.events
        own = past.places_of(user_id)
        latest = own[-LATEST:]
        same = (self._codes[:, latest, np.newaxis] == self._codes[:, np.newaxis, places]).sum(axis=1)
        bettors = past.pairs.diagonal()
        cosines = past.pairs[latest][:, places] / np.sqrt(1.0 + np.outer(bettors[latest], bettors[places]))
        columns = [
            np.log1p(past.counts[places]),
            *np.log1p(past.recent(now)[:, places]),
            np.log1p(np.maximum(now - past.history.opens_at[places], 0.0) / HOUR),
            np.log1p(np.maximum(events.begins[places] - now, 0.0) / HOUR),
            past.odds[places],
            *(same / max(len(latest), 1)),
            cosines.sum(axis=0),
            *(rules.score_places(user_id, places, now) for rules in self._rules),
            np.full(places.size, float(len(own))),
        ]
        return np.stack(columns, axis=1).astype(np.float32)
