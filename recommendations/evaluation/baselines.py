"""Baselines for evaluations: recommenders that a casino can't configure."""

import numpy as np

from recommendations.recommenders.base import Recommender, Scores, ScoringContext
from recommendations.replay.learner import EventCounts


class Random(Recommender):
    """Random scores."""

    name = "random"

    def score(self, context: ScoringContext) -> Scores:
        return context.chance()


class LivePopularity(Recommender):
    """The number of selections so far."""

    name = "live_popularity"

    def score(self, context: ScoringContext) -> Scores:
        return context.trends.counts_of(context.offer).astype(np.float64)


class Popular(Recommender):
    """The number of selections when models were last fitted."""

    name = "popular"

    def score(self, context: ScoringContext) -> Scores:
        counted = context.models.get(EventCounts)
        counts = counted.counts if counted is not None else {}
        return np.array([counts.get(event_id, 0.0) for event_id in context.offer.ids.tolist()], dtype=np.float64)


BASELINES: dict[str, Recommender] = {each.name: each for each in (Random(), LivePopularity(), Popular())}
