"""Peers that learn a vector for each user and each event."""

from typing import Any

import numpy as np

from recommendations.offer.arrays import Floats, Places

from .past_bets import HOUR, PastBets
from .peer import FittedPeer


class Als(FittedPeer):
    """Matrix factorization for implicit feedback by alternating least squares, of the library implicit. A user's vector
    is computed from the bets so far at each request."""

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
