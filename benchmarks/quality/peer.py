"""The interface of the peers: recommenders of other projects and of the literature, that our replay can rank with."""

import warnings
from abc import abstractmethod

import numpy as np

from recommendations.offer.arrays import Floats, Places
from recommendations.recommenders.base import Recommender, Scores, ScoringContext
from recommendations.replay.history import PastCoupon

from .past_bets import PastBets


class Peer(Recommender):
    """Ranks by `score_places`. Among equal scores, as of users and events that the peer does not know, live popularity
    decides."""

    def __init__(self, name: str, past: PastBets) -> None:
        self.name = name
        self.past = past

    def observe(self, coupon: PastCoupon) -> None:
        """Learn from a coupon, right before it is added to the past."""

    def score(self, context: ScoringContext) -> Scores:
        self.past.move_to(context.now)
        places = np.searchsorted(self.past.history.events.ids, context.offer.ids)
        return ordered(self.score_places(context.user_id, places, context.now), self.past.counts[places])

    @abstractmethod
    def score_places(self, user_id: int, places: Places, now: float) -> Floats:
        """A score for each of the events at `places` of the history, shape (n,); 0 for an unknown one."""


class FittedPeer(Peer):
    """A peer whose model is fitted to all bets so far, and again every `refit` seconds if there are new ones."""

    def __init__(self, name: str, past: PastBets, refit: float) -> None:
        super().__init__(name, past)
        self._refit = refit
        self._fitted_at, self._fitted_coupons = -np.inf, 0

    def score_places(self, user_id: int, places: Places, now: float) -> Floats:
        if self.past.coupons > self._fitted_coupons and now >= self._fitted_at + self._refit:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of libraries: about the BLAS's threads, and their own conversions
                self.fit()
            self._fitted_at, self._fitted_coupons = now, self.past.coupons
        return self.predict(user_id, places, now)

    @abstractmethod
    def fit(self) -> None:
        """Fit the model to all bets so far."""

    @abstractmethod
    def predict(self, user_id: int, places: Places, now: float) -> Floats:
        """As `score_places`, by the fitted model."""


def ordered(scores: Floats, popularity: Floats) -> Floats:
    """Numbers in the order of the scores, among equal ones in that of popularity; shape (n,)."""
    if not scores.size:
        return scores
    _, order = np.unique(np.stack([np.round(scores, 9), popularity]), axis=1, return_inverse=True)
    return order.astype(np.float64)
