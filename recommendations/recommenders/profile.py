"""`profile`: what the user bets on more often than others do."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from recommendations.offer import Column, Dictionary, MemoKey, Offer
from recommendations.offer.arrays import Codes, add_entries
from recommendations.tallies.selections import BAND_BOUNDS

from . import base

# How much each attribute counts. Teams say most, and are said by two columns.
IMPORTANCE = {"sport": 1.0, "league": 1.0, "country": 0.5, "home_team": 0.75, "away_team": 0.75, "odds_band": 0.5}
SMOOTHING = 10.0  # selections by "everybody" that are added to the user's own
LAST_BETS = 10

_NO_BANDS: Dictionary[str] = Dictionary()
BANDS = _NO_BANDS.including(str(band) for band in range(len(BAND_BOUNDS) + 1))
_LEAST_SHARED = 2
_ODDS_BAND = MemoKey[Column[str]]("odds_band")


class Profile(base.Recommender):
    """The sum over attributes a of importance_a * log(1 + w_v / (m P(v | casino))), v being the event's value and w the
    user's decayed tallies.

    But for what all events have in common this is log(P(v | user) / P(v | casino)), P(v | user) being smoothed by m
    selections of the casino's own distribution (Dirichlet smoothing: Zhai and Lafferty, SIGIR 2001). What the user
    never bet on adds nothing. Equal scores go by what begins first.
    """

    name = "profile"
    needs = frozenset({base.ProfilePart.TALLIES})

    def applies(self, context: base.ScoringContext) -> bool:
        return any(context.profile.weights.values())

    def score(self, context: base.ScoringContext) -> base.Scores:
        scores = base.soonest_first(context.offer).copy()
        add_entries(scores, _tables(context))
        return scores

    def reasons(self, context: base.ScoringContext, place: int) -> list[str]:
        """Of the last bets, how many share a team, a league or the sport with the event."""
        last = context.profile.recent[-LAST_BETS:]
        return [
            f"{number} of your last {len(last)} bets were on {name}"
            for number, name in _shared(context, place)
            if number >= _LEAST_SHARED
        ]


def _tables(context: base.ScoringContext) -> Iterator[tuple[Codes, base.Scores]]:
    """Of each attribute the offer's codes, and what each value adds."""
    for attribute, importance in IMPORTANCE.items():
        if tally := context.profile.weights.get(attribute):
            column = column_of(context.offer, attribute)
            rates = context.trends.base_rates(attribute, column)
            yield column.codes, importance * _lifts(column, tally, rates)


def column_of(offer: Offer, attribute: str) -> Column[Any]:
    """The offer's column of an attribute, the band of the odds among them."""
    if attribute != "odds_band":
        return getattr(offer, attribute)  # type: ignore[no-any-return]
    kept = offer.memo.get(_ODDS_BAND)
    if kept is None:
        codes = np.digitize(offer.odds, BAND_BOUNDS).astype(np.int32)
        kept = offer.memo.keep(_ODDS_BAND, Column(codes, BANDS))
    return kept


def _lifts(column: Column[Any], tally: Mapping[str, float], rates: base.Scores) -> base.Scores:
    """How much more often than others the user bets on each of the column's values, shape (values,)."""
    lifts: base.Scores = np.zeros(len(column.values))
    place_of = column.dictionary.places
    known = [(place_of[value], weight) for value, weight in tally.items() if value in place_of]
    if known:
        places, weights = np.array([place for place, _ in known]), np.array([weight for _, weight in known])
        lifts[places] = np.log1p(weights / (SMOOTHING * rates[places]))
    return lifts


def _shared(context: base.ScoringContext, place: int) -> Iterator[tuple[int, str]]:
    """(how many of the last bets, what they share with the event)."""
    last, offer = context.profile.recent[-LAST_BETS:], context.offer
    teams = Counter(team for each in last for team in {each.home_team, each.away_team})
    for team in (offer.home_team[place], offer.away_team[place]):
        yield teams[team], team
    for attribute in ("league", "sport"):
        value = getattr(offer, attribute)[place]
        yield sum(getattr(each, attribute) == value for each in last), value
