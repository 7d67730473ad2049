"""Baselines that compare events by the users who bet on both, or by the order of their bets."""

from dataclasses import dataclass

import numpy as np

from recommendations.offer.arrays import Floats, Places
from recommendations.replay.history import PastCoupon

from .past_bets import HOUR, PastBets
from .peer import FittedPeer, Peer


class Ease(FittedPeer):
    """EASE: a linear autoencoder whose weights have a closed form (Steck: Embarrassingly Shallow Autoencoders for
    Sparse Data, 2019). `regularization` is its lambda."""

    def __init__(self, past: PastBets, regularization: float) -> None:
        super().__init__("ease", past, refit=HOUR)
        self._regularization = regularization

    def fit(self) -> None:
        inverse = np.linalg.inv(self.past.pairs + self._regularization * np.eye(len(self.past.pairs)))
        self._weights = inverse / -np.diag(inverse)
        np.fill_diagonal(self._weights, 0.0)

    def predict(self, user_id: int, places: Places, now: float) -> Floats:
        own = self.past.places_of(user_id)
        scores: Floats = self._weights[own][:, places].sum(axis=0)
        return scores


class Bm25(FittedPeer):
    """Item-to-item nearest neighbours by BM25 weights, of the library implicit."""

    def __init__(self, past: PastBets, neighbours: int, b: float) -> None:
        super().__init__("bm25", past, refit=HOUR)
        self._neighbours, self._b = neighbours, b

    def fit(self) -> None:
        from implicit.nearest_neighbours import BM25Recommender

        self._model = BM25Recommender(self._neighbours, B=self._b, num_threads=1)
        self._model.fit(self.past.matrix(), show_progress=False)

    def predict(self, user_id: int, places: Places, now: float) -> Floats:
        scores: Floats = (self.past.matrix([user_id]) @ self._model.similarity).toarray()[0, places].astype(np.float64)
        return scores


@dataclass(frozen=True, slots=True)
class SequenceSettings:
    """`steps`: the highest number of first bets between an event and a later one that follows it. `last`: the number of
    the user's latest events whose followers count. Both count with the weight 1 / distance."""

    steps: int
    last: int


class SequentialRules(Peer):
    """The events that others bet on after the user's latest ones: with one step a Markov chain, with more the
    sequential rules of Kamehkhosh, Jannach, Ludewig (A Comparison of Frequent Pattern Techniques and a Deep Learning
    Method for Session-Based Recommendation, 2017). Updated with each coupon."""

    def __init__(self, past: PastBets, settings: SequenceSettings) -> None:
        super().__init__("sequential_rules", past)
        self._settings = settings
        self._followed = np.zeros_like(past.pairs)

    def observe(self, coupon: PastCoupon) -> None:
        own = self.past.places_of(coupon.user_id)
        for place in coupon.places:
            if place not in own:
                before = own[: -self._settings.steps - 1 : -1]
                self._followed[before, place] += 1.0 / np.arange(1, len(before) + 1)
                own.append(place)

    def score_places(self, user_id: int, places: Places, now: float) -> Floats:
        latest = self.past.places_of(user_id)[: -self._settings.last - 1 : -1]
        found = self._followed[latest][:, places] / (1.0 + self._followed[latest].sum(axis=1, keepdims=True))
        scores: Floats = (found / np.arange(1, len(latest) + 1)[:, np.newaxis]).sum(axis=0)
        return scores
