"""Baselines that learn a vector for each user and each event."""

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack, identity

from recommendations.offer import ATTRIBUTES, Offer
from recommendations.offer.arrays import Floats, Mask, Places

from .past_bets import HOUR, PastBets
from .peer import FittedPeer

EPOCHS = 30  # LightFM's passes over the data


class Als(FittedPeer):
    """Matrix factorization for implicit feedback by alternating least squares, of the library implicit. Each request
    computes the user's vector from the bets so far."""

    def __init__(self, past: PastBets, factors: int, regularization: float) -> None:
        super().__init__("als", past, refit=HOUR)
        self._settings: dict[str, Any] = {"factors": factors, "regularization": regularization}

    def fit(self) -> None:
        from implicit.als import AlternatingLeastSquares

        self._model = AlternatingLeastSquares(**self._settings, num_threads=1, random_state=1)
        self._model.fit(self.past.matrix(), show_progress=False)

    def predict(self, user_id: int, places: Places, now: float) -> Floats:
        user = self._model.recalculate_user(0, self.past.matrix([user_id]))
        scores: Floats = (self._model.item_factors[places] @ np.ravel(user)).astype(np.float64)
        return scores


class LightFm(FittedPeer):
    """Vectors of users and events, learnt with WARP loss, of the library LightFM. An event's vector is the sum of its
    own and those of its attributes. A user without bets at the fit has the score 0, and so has an event that opened
    later."""

    def __init__(self, past: PastBets, factors: int) -> None:
        super().__init__("lightfm", past, refit=HOUR)
        self._factors = factors
        self._attributes = _attributes_of(past.history.events)
        self._rows: dict[int, int] = {}
        self._opened: Mask = np.zeros(len(past.history.events), dtype=np.bool_)

    def fit(self) -> None:
        from lightfm import LightFM

        self._rows = {user_id: row for row, user_id in enumerate(self.past.bets_of)}
        self._opened = self.past.history.opens_at <= self.past.now
        self._model = LightFM(self._factors, loss="warp", random_state=1)
        bets, attributes = self.past.matrix()[:, self._opened], self._attributes[self._opened]
        self._model.fit(bets, item_features=attributes, epochs=EPOCHS)

    def predict(self, user_id: int, places: Places, now: float) -> Floats:
        row = self._rows.get(user_id)
        if row is None:
            return np.zeros(places.size)
        found = self._model.predict(row, places.astype(np.int32), item_features=self._attributes)
        scores: Floats = np.where(self._opened[places], found, 0.0)
        return scores


def _attributes_of(events: Offer) -> Any:
    """A sparse matrix of shape (m, features) with a 1 for each event itself and for each value of its attributes."""
    size = len(events)
    columns = [getattr(events, name) for name in ATTRIBUTES]
    ones = np.ones(size, dtype=np.float32)
    values = [
        csr_matrix((ones, (np.arange(size), column.codes)), shape=(size, len(column.dictionary.values)))
        for column in columns
    ]
    return hstack([identity(size, dtype=np.float32), *values], format="csr", dtype=np.float32)
