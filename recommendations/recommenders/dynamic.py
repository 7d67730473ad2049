"""`dynamic`: events of the user's favourite sport."""

import numpy as np

from recommendations.offer import Offer

from .base import Profile, Recommender, Scores


class Dynamic(Recommender):
    """Random events of the favourite sport; random others only where those are too few."""

    name = "dynamic"

    def score(self, offer: Offer, profile: Profile, rng: np.random.Generator) -> Scores:
        scores: Scores = offer.sport.equals(profile.favorite_sport) + rng.random(len(offer))
        return scores
