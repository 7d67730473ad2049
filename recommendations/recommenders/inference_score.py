"""`inference_score`: points for each attribute that an event shares with the user or the user's coupons."""

from collections.abc import Iterator

import numpy as np

from recommendations.offer.arrays import Codes, add_entries
from recommendations.validation.identity import name_of

from .base import BettingProfile, ProfilePart, Recommender, Scores, ScoringContext

POINTS_FOR_TOP_VALUES = {
    "country": (2, 1),
    "sport": (2, 1),
    "league": (3, 2),
    "home_team": (4, 3),
    "away_team": (4, 3),
}
POINTS_FOR_OWN_COUNTRY = 1
POINTS_FOR_FAVORITE_SPORT = 1
_RANKS = ("the most frequent", "the second most frequent")
_WORDS = {"home_team": "home team", "away_team": "away team"}


class InferenceScore(Recommender):
    """The sum of the points in the tables above. Equal sums are in random order, so that without a history, or with too
    few matching events, random events fill the slip."""

    name = "inference_score"
    needs = frozenset({ProfilePart.TOP_VALUES})

    def score(self, context: ScoringContext) -> Scores:
        scores = context.chance()  # decides between equal sums
        add_entries(scores, _tables(context))
        return scores

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        found = [
            (
                worth,
                f"{name_of(value)} is {_RANKS[rank]} {_WORDS.get(attribute, attribute)} in your bets",
            )
            for attribute, value, rank, worth in _valued(context.profile)
            if getattr(context.offer, attribute)[place] == value
            and (attribute not in _WORDS or context.offer.away_team.name(place))  # a one-sided event has no teams
        ]
        return [sentence for _, sentence in sorted(found, key=lambda each: -each[0])]


def _tables(context: ScoringContext) -> Iterator[tuple[Codes, Scores]]:
    """The offer's codes of each attribute with points, and the points of each value."""
    offer, profile = context.offer, context.profile
    valued = [
        ("country", profile.country, POINTS_FOR_OWN_COUNTRY),  # an unknown country equals no other
        ("sport", profile.favorite_sport, POINTS_FOR_FAVORITE_SPORT),
        *((attribute, value, worth) for attribute, value, _, worth in _valued(profile)),
    ]
    for attribute in POINTS_FOR_TOP_VALUES:
        column = getattr(offer, attribute)
        place_of = column.dictionary.places.get
        own = [(place_of(value, -1), worth) for name, value, worth in valued if name == attribute and value]
        if any(place >= 0 for place, _ in own):
            worths = np.zeros(len(column.values) + 1)
            for place, worth in own:
                worths[place] += worth  # the last entry is for values that the offer lacks
            yield column.codes, worths


def _valued(profile: BettingProfile) -> Iterator[tuple[str, str, int, int]]:
    """(attribute, value, rank, points) of the profile's values that are worth points."""
    for attribute, each in POINTS_FOR_TOP_VALUES.items():
        for rank, (value, worth) in enumerate(zip(profile.top_values.get(attribute, ()), each, strict=False)):
            yield attribute, value, rank, worth
