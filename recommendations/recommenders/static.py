"""`static`: the same events for everyone."""

import numpy as np

from recommendations.offer import Offer

from .base import Profile, Recommender, Scores


class Static(Recommender):
    """The open events that have been in the offer longest (the lowest ids), whoever asks."""

    name = "static"

    def score(self, offer: Offer, profile: Profile, rng: np.random.Generator) -> Scores:
        return -np.arange(len(offer), dtype=np.float64)
