"""`similar`: events similar to a given event, whose profile replaces a user's. It is no `recommender_type`."""

from collections.abc import Iterator
from math import isfinite

import numpy as np

from recommendations.offer import Offer
from recommendations.offer.arrays import Codes, add_entries
from recommendations.validation.identity import name_of

from .base import BettingProfile, ProfilePart, Recommender, Scores, ScoringContext, soonest_first
from .neighbours import Neighbours, best_token, token_scores
from .user_values import column_of

# Points for a shared value; rarer values have more.
POINTS = {"home_team": 3.0, "away_team": 3.0, "league": 2.0, "sport": 1.0, "country": 1.0, "odds_band": 0.5}
# Certain common bets of the same users count about as much as a shared league.
POINTS_OF_NEIGHBOURS = 6.0

_NEIGHBOURS = Neighbours()


class Similar(Recommender):
    """The sum of `POINTS` of the attributes that both events share and, with a fitted model, the score of `neighbours`
    for a user with a bet on the event: the related teams, leagues and sports by the same users' bets. Equal scores are
    ordered by the begin."""

    name = "similar"
    needs = frozenset({ProfilePart.TALLIES})

    def score(self, context: ScoringContext) -> Scores:
        scores = soonest_first(context.offer).copy()
        add_entries(scores, _tables(context))
        return scores if token_scores(context) is None else scores + POINTS_OF_NEIGHBOURS * _NEIGHBOURS.score(context)

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        """The shared teams or league, and the token by which the model relates the events; else the shared sport."""
        found = [*_shared(context, place)]
        if (related := best_token(context, place)) is not None:
            found.append(f"Bets on such events often go with bets on {name_of(related)}")
        sport = context.offer.sport[place]
        return found or ([f"Also {sport}"] if _has(context, "sport", sport) else [])


def profile_of(offer: Offer, place: int) -> BettingProfile:
    """The profile of a single bet on the event at `place`. Its teams count on both sides."""
    teams = {team: 1.0 for team in (offer.home_team[place], offer.away_team[place]) if name_of(team)}
    weights = {"sport": {offer.sport[place]: 1.0}, "home_team": teams, "away_team": teams}
    if name_of(offer.league[place]):
        weights["league"] = {offer.league[place]: 1.0}
    if offer.country[place]:
        weights["country"] = {offer.country[place]: 1.0}
    if isfinite(offer.odds[place]):
        weights["odds_band"] = {column_of(offer, "odds_band")[place]: 1.0}
    return BettingProfile(weights=weights)


def _tables(context: ScoringContext) -> Iterator[tuple[Codes, Scores]]:
    """The offer's codes of each attribute, and the points of each value."""
    for attribute, points in POINTS.items():
        column = column_of(context.offer, attribute)
        table = np.zeros(len(column.values) + 1)
        for value in context.profile.weights.get(attribute, {}):
            table[column.dictionary.places.get(value, -1)] = points
        table[-1] = 0.0  # the entry for values that the offer lacks
        yield column.codes, table


def _shared(context: ScoringContext, place: int) -> Iterator[str]:
    offer = context.offer
    if offer.away_team.name(place):  # a one-sided event has no teams
        for team in (offer.home_team[place], offer.away_team[place]):
            if _has(context, "home_team", team):
                yield f"{name_of(team)} plays in both"
    league = offer.league[place]
    if name_of(league) and _has(context, "league", league):
        yield f"Also in {name_of(league)}"


def _has(context: ScoringContext, attribute: str, value: str) -> bool:
    return value in context.profile.weights.get(attribute, {})
