"""`static`: the same events for everyone."""

import numpy as np

from .base import Recommender, Scores, ScoringContext


class Static(Recommender):
    """The oldest open events (the lowest ids), for all users."""

    name = "static"
    is_personal = False

    def score(self, context: ScoringContext) -> Scores:
        return -np.arange(len(context.offer), dtype=np.float64)
