"""`inference`: the (sport, league) pairs that the user bets on most often."""

import numpy as np

from recommendations.offer import Offer

from .base import Knowledge, Profile, Recommender, Scores


class Inference(Recommender):
    """All events of the first favourite pair come before those of the second, and so on; random others come last.
    Within a pair the order is random."""

    name = "inference"
    needs = frozenset({Knowledge.FAVORITE_PAIRS})

    def score(self, offer: Offer, profile: Profile, rng: np.random.Generator) -> Scores:
        rank = np.zeros(len(offer))
        for place, (sport, league) in enumerate(reversed(profile.favorite_pairs), start=1):
            rank[offer.sport.equals(sport) & offer.league.equals(league)] = place
        return rank + rng.random(len(offer))
