"""`trending`: popularity, the events and leagues with most bets of the casino's users today."""

import numpy as np

from recommendations.offer import MemoKey
from recommendations.tallies.trends import Trends

from .base import Recommender, Scores, ScoringContext, soonest_first

_SHARE_OF_LEAGUE = 0.5
_SCORES = MemoKey[tuple[Trends, Scores]]("trending")


class Trending(Recommender):
    """log(1 + e) + 0.5 log(1 + l), with e and l the numbers of selections of the event and of its league, with a
    half-life of a day. Equal scores are ordered by the begin."""

    name = "trending"
    is_personal = False

    def applies(self, context: ScoringContext) -> bool:
        return bool(context.trends)

    def score(self, context: ScoringContext) -> Scores:
        """The same scores for all users; cached with the offer until the trends change."""
        offer, trends = context.offer, context.trends
        cached = offer.memo.get(_SCORES)
        if cached is not None and cached[0] is trends:
            return cached[1]
        league_trends = trends.of_column("league", offer.league)
        scores: Scores = np.log1p(trends.of_offer(offer)) + _SHARE_OF_LEAGUE * np.log1p(league_trends)
        scores += soonest_first(offer)
        scores.flags.writeable = False
        return offer.memo.keep(_SCORES, (trends, scores))[1]

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        offer, trends = context.offer, context.trends
        found = []
        if float(trends.of_offer(offer)[place]) >= 1:
            teams = offer.home_team.name(place), offer.away_team.name(place)
            found.append(f"{' vs '.join(filter(None, teams))} is popular today")
        league = offer.league.name(place)
        if league and trends.recent.get("league", {}).get(offer.league[place], 0.0) >= 1:
            found.append(f"{league} is popular today")
        return found
