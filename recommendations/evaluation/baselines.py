"""Yardsticks that no casino would choose, but that a recommender should beat."""

import numpy as np

from recommendations.recommenders.base import Recommender, Scores, ScoringContext


class Random(Recommender):
    """Any event, by chance."""

    name = "random"

    def score(self, context: ScoringContext) -> Scores:
        return context.chance()


class Popular(Recommender):
    """What has been bet on most so far."""

    name = "live_popularity"

    def score(self, context: ScoringContext) -> Scores:
        return context.trends.counts_of(context.offer).astype(np.float64)


class FirstPopular(Recommender):
    """What had been bet on most when the models were fitted last."""

    name = "popular"

    def score(self, context: ScoringContext) -> Scores:
        counts = context.models.get("popular", {})
        return np.array([counts.get(event_id, 0.0) for event_id in context.offer.ids.tolist()], dtype=np.float64)


BASELINES: dict[str, Recommender] = {each.name: each for each in (Random(), Popular(), FirstPopular())}
