"""`static`: the same events for everyone."""

import numpy as np

from recommendations.offer import MemoKey

from .base import Recommender, Scores, ScoringContext

_SCORES = MemoKey[Scores]("static")


class Static(Recommender):
    """The oldest open events (the lowest ids), for all users."""

    name = "static"
    is_personal = False

    def score(self, context: ScoringContext) -> Scores:
        offer = context.offer
        cached = offer.memo.get(_SCORES)
        if cached is None:
            cached = offer.memo.keep(_SCORES, -np.arange(len(offer), dtype=np.float64))
            cached.flags.writeable = False
        return cached
