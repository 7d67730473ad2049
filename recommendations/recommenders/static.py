"""`static`: the same events for everyone."""

import numpy as np

from .base import Recommender, Scores, ScoringContext


class Static(Recommender):
    """The open events that have been in the offer longest (the lowest ids), whoever asks."""

    name = "static"

    def score(self, context: ScoringContext) -> Scores:
        return -np.arange(len(context.offer), dtype=np.float64)
