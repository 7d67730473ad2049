"""The interface of the baselines: recommenders of other projects and of the literature, which our replay can rank."""

import warnings
from abc import abstractmethod

import numpy as np

from recommendations.offer.arrays import Floats, Places
from recommendations.recommenders.base import Recommender, Scores, ScoringContext
from recommendations.replay.history import PastCoupon

from .past_bets import PastBets


class Peer(Recommender):
    """A baseline, which ranks by `score_places`. Live popularity orders equal scores, such as those of unknown users
    and events."""

    def __init__(self, name: str, past: PastBets) -> None:
        self.name = name
        self.past = past

    def observe(self, coupon: PastCoupon) -> None:
        """Learn from a coupon, just before it is added to the past."""

    def score(self, context: ScoringContext) -> Scores:
        self.past.move_to(context.now)
        places = np.searchsorted(self.past.history.events.ids, context.offer.ids)
        return ordered(self.score_places(context.user_id, places, context.now), self.past.counts[places])

    @abstractmethod
    def score_places(self, user_id: int, places: Places, now: float) -> Floats:
        """A score for each of the events at `places` of the history, shape (n,); 0 for an unknown one."""


class FittedPeer(Peer):
    """A baseline whose model is fitted to all bets so far, and again every `refit` seconds if there are new ones."""

    def __init__(self, name: str, past: PastBets, refit: float) -> None:
        super().__init__(name, past)
        self._refit = refit
        self._fitted_at, self._fitted_coupons = -np.inf, 0

    def score_places(self, user_id: int, places: Places, now: float) -> Floats:
        if self.past.coupons > self._fitted_coupons and now >= self._fitted_at + self._refit:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # libraries warn about BLAS threads, and about their own conversions
                self.fit()
            self._fitted_at, self._fitted_coupons = now, self.past.coupons
        return self.predict(user_id, places, now)

    @abstractmethod
    def fit(self) -> None:
        """Fit the model to all bets so far."""

    @abstractmethod
    def predict(self, user_id: int, places: Places, now: float) -> Floats:
        """The scores by the fitted model, like `score_places`."""


def ordered(scores: Floats, popularity: Floats) -> Floats:
    """Indexes in the order of the scores, and for equal scores of popularity; shape (n,)."""
    if not scores.size:
        return scores
    _, order = np.unique(np.stack([np.round(scores, 9), popularity]), axis=1, return_inverse=True)
    return order.astype(np.float64)
