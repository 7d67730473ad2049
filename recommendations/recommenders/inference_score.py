"""`inference_score`: points for what an event shares with the user and the user's coupons."""

import numpy as np

from recommendations.offer import Offer

from .base import Knowledge, Profile, Recommender, Scores

POINTS_FOR_TOP_VALUES = {
    "country": (2, 1),
    "sport": (2, 1),
    "league": (3, 2),
    "home_team": (4, 3),
    "away_team": (4, 3),
}
POINTS_FOR_OWN_COUNTRY = 1
POINTS_FOR_FAVORITE_SPORT = 1


class InferenceScore(Recommender):
    """The sum of the points of the tables below; equal sums in random order, so that without any history, or with
    too few events that match, random events fill the slip."""

    name = "inference_score"
    needs = frozenset({Knowledge.TOP_VALUES})

    def score(self, offer: Offer, profile: Profile, rng: np.random.Generator) -> Scores:
        return points(offer, profile) + rng.random(len(offer))  # the fraction only decides between equal sums


def points(offer: Offer, profile: Profile) -> Scores:
    """The points of each event, shape (n,), whole numbers."""
    total = np.zeros(len(offer))
    total += POINTS_FOR_OWN_COUNTRY * offer.country.equals(profile.country)
    total += POINTS_FOR_FAVORITE_SPORT * offer.sport.equals(profile.favorite_sport)
    for attribute, each in POINTS_FOR_TOP_VALUES.items():
        column = getattr(offer, attribute)
        for value, worth in zip(profile.top_values.get(attribute, ()), each, strict=False):
            total += worth * column.equals(value)
    return total
