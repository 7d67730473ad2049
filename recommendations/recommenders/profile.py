"""`profile`: attributes that the user bets on more often than others do."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from recommendations.offer import Column, Dictionary, MemoKey, Offer
from recommendations.offer.arrays import Codes, add_entries
from recommendations.tallies.selections import BAND_BOUNDS, RecentSelection
from recommendations.validation.identity import name_of

from .base import ProfilePart, Recommender, Scores, ScoringContext, share_of_last_bets, soonest_first

# The weight of each attribute. Teams count most, as the sum of two columns.
IMPORTANCE = {"sport": 1.0, "league": 1.0, "country": 0.5, "home_team": 0.75, "away_team": 0.75, "odds_band": 0.5}
SMOOTHING = 10.0  # selections of the average user, added to the user's own
LAST_BETS = 10

_NO_BANDS: Dictionary[str] = Dictionary()
BANDS = _NO_BANDS.including(str(band) for band in range(len(BAND_BOUNDS) + 1))
_LEAST_SHARED = 2
_ODDS_BAND = MemoKey[Column[str]]("odds_band")


class Profile(Recommender):
    """The sum over attributes a of importance_a * log(1 + w_v / (m P(v | casino))), v being the event's value and w the
    user's decayed tallies.

    Up to a constant this is log(P(v | user) / P(v | casino)), P(v | user) being smoothed by m
    selections of the casino's own distribution (Dirichlet smoothing: Zhai and Lafferty, SIGIR 2001). Values that
    the user never bet on add nothing. Equal scores are ordered by the begin.
    """

    name = "profile"
    needs = frozenset({ProfilePart.TALLIES})

    def applies(self, context: ScoringContext) -> bool:
        return any(context.profile.weights.values())

    def score(self, context: ScoringContext) -> Scores:
        scores = soonest_first(context.offer).copy()
        add_entries(scores, _tables(context))
        return scores

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        """Texts with the number of the last bets that share a team, the league or the sport with the event."""
        last = context.profile.recent[-LAST_BETS:]
        return [
            share_of_last_bets(number, len(last), name_of(value))
            for number, value in values_shared(last, context.offer, place)
            if number >= _LEAST_SHARED
        ]


def _tables(context: ScoringContext) -> Iterator[tuple[Codes, Scores]]:
    """The offer's codes of each attribute, and the score of each value."""
    for attribute, importance in IMPORTANCE.items():
        if tally := context.profile.weights.get(attribute):
            column = column_of(context.offer, attribute)
            rates = context.trends.base_rates(attribute, column)
            yield column.codes, importance * _lifts(column, tally, rates)


def column_of(offer: Offer, attribute: str) -> Column[Any]:
    """The offer's column of an attribute, including `odds_band`."""
    if attribute != "odds_band":
        column: Column[Any] = getattr(offer, attribute)
        return column
    cached = offer.memo.get(_ODDS_BAND)
    if cached is None:
        codes = np.digitize(offer.odds, BAND_BOUNDS).astype(np.int32)
        cached = offer.memo.keep(_ODDS_BAND, Column(codes, BANDS))
    return cached


def _lifts(column: Column[Any], tally: Mapping[str, float], rates: Scores) -> Scores:
    """The user's share of bets on each value of the column relative to other users', shape (values,)."""
    lifts: Scores = np.zeros(len(column.values))
    places = np.fromiter(column.dictionary.places.find(tally), np.intp, len(tally))
    is_known = places < lifts.size
    places, weights = places[is_known], np.fromiter(tally.values(), np.float64, len(tally))[is_known]
    lifts[places] = np.log1p(weights / (SMOOTHING * rates[places]))
    return lifts


def values_shared(selections: Sequence[RecentSelection], offer: Offer, place: int) -> Iterator[tuple[int, str]]:
    """(number of the selections, the value that they share with the event at `place`): teams, league, sport."""
    teams = Counter(team for each in selections for team in {each.home_team, each.away_team})
    for team in (offer.home_team[place], offer.away_team[place]):
        if name_of(team):
            yield teams[team], team
    for attribute in ("league", "sport"):
        value = getattr(offer, attribute)[place]
        if not name_of(value):
            continue
        yield sum(getattr(each, attribute) == value for each in selections), value
