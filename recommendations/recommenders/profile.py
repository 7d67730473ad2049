"""`profile`: attributes on which the user bets more often than other users."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from recommendations.offer import Offer
from recommendations.offer.arrays import add_entries
from recommendations.tallies.packed_tallies import TALLIED
from recommendations.tallies.selections import RecentSelection
from recommendations.validation.identity import name_of

from .base import ProfilePart, Recommender, Scores, ScoringContext, share_of_last_bets, soonest_first
from .user_values import rates_of_values, tallied_values, values_of_user

# The weight of each attribute. Teams, the sum of two columns, weigh most.
IMPORTANCE = {"sport": 1.0, "league": 1.0, "country": 0.5, "home_team": 0.75, "away_team": 0.75, "odds_band": 0.5}
SMOOTHING = 10.0  # selections of the average user, added to the user's own
LAST_BETS = 10

_LEAST_SHARED = 2
_IMPORTANCE = np.array([IMPORTANCE[name] for name in TALLIED])


class Profile(Recommender):
    """The sum over attributes a of importance_a * log(1 + w_v / (m P(v | casino))), with v the event's value and w the
    user's decayed tallies.

    Up to a constant this is log(P(v | user) / P(v | casino)), with P(v | user) smoothed by m selections of the casino's
    distribution (Dirichlet smoothing: Zhai and Lafferty, SIGIR 2001). Values without bets of the user add nothing.
    Equal scores are ordered by the begin.
    """

    name = "profile"
    needs = frozenset({ProfilePart.TALLIES})

    def applies(self, context: ScoringContext) -> bool:
        return values_of_user(context).are_any

    def score(self, context: ScoringContext) -> Scores:
        own, rates, scores = values_of_user(context), rates_of_values(context), soonest_first(context.offer).copy()
        table = np.zeros(rates.size)
        table[own.codes] = _IMPORTANCE[own.owners] * np.log1p(own.numbers[0] / (SMOOTHING * rates[own.codes]))
        add_entries(scores, tallied_values(context.offer).tables(table))
        return scores

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        """Sentences with the number of the last bets that share a team, the league or the sport with the event."""
        last = context.profile.recent[-LAST_BETS:]
        return [
            share_of_last_bets(number, len(last), name_of(value))
            for number, value in values_shared(last, context.offer, place)
            if number >= _LEAST_SHARED
        ]


def values_shared(selections: Sequence[RecentSelection], offer: Offer, place: int) -> Iterator[tuple[int, str]]:
    """Yield (number of selections, shared value) for each team, the league and the sport of the event at `place`."""
    teams = Counter(team for each in selections for team in {each.home_team, each.away_team})
    for team in (offer.home_team[place], offer.away_team[place]):
        if name_of(team):
            yield teams[team], team
    for attribute in ("league", "sport"):
        value = getattr(offer, attribute)[place]
        if not name_of(value):
            continue
        yield sum(getattr(each, attribute) == value for each in selections), value
