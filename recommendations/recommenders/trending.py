"""`trending`: what the casino's users bet on now."""

import numpy as np

from .base import Recommender, Scores, ScoringContext, soonest_first

_SHARE_OF_LEAGUE = 0.5


class Trending(Recommender):
    """log(1 + e) + 0.5 log(1 + l): e and l count the selections of the event and of its league, with a half-life of a
    day. Equal scores go by what begins first."""

    name = "trending"

    def applies(self, context: ScoringContext) -> bool:
        return bool(context.trends)

    def score(self, context: ScoringContext) -> Scores:
        """The same for all users, so that it is kept as long as offer and trends are."""
        kept = context.offer.memo.get(self.name)
        if kept is None or kept[0] is not context.trends:
            kept = context.offer.memo[self.name] = (context.trends, self._score(context))
        scores: Scores = kept[1]
        return scores

    def _score(self, context: ScoringContext) -> Scores:
        offer, trends = context.offer, context.trends
        of_leagues = trends.of_column("league", offer.league)
        scores: Scores = np.log1p(trends.of_offer(offer)) + _SHARE_OF_LEAGUE * np.log1p(of_leagues)
        return scores + soonest_first(offer)

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        offer, trends = context.offer, context.trends
        found = []
        if float(trends.of_offer(offer)[place]) >= 1:
            found.append(f"{offer.home_team[place]} - {offer.away_team[place]} is bet on much today")
        if trends.recent.get("league", {}).get(offer.league[place], 0.0) >= 1:
            found.append(f"{offer.league[place]} is bet on much today")
        return found
