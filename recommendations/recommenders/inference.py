"""`inference`: the (sport, league) pairs on which the user bets most often, each in its country."""

import numpy as np

from recommendations.offer.arrays import add_entries
from recommendations.validation.identity import name_of

from .base import ProfilePart, Recommender, Scores, ScoringContext, share_of_last_bets


class Inference(Recommender):
    """All events of the first favourite pair come before those of the second, and so on; other events come last. Within
    a pair, and among the others, the order is random."""

    name = "inference"
    needs = frozenset({ProfilePart.FAVORITE_PAIRS})

    def score(self, context: ScoringContext) -> Scores:
        offer, pairs = context.offer, context.profile.favorite_pairs
        ranks = np.zeros(len(offer.league.values) + 1)
        for rank, league in enumerate(reversed(pairs), start=1):
            ranks[offer.league.dictionary.places.get(league, -1)] = rank
        ranks[-1] = 0  # the entry for leagues that the offer lacks
        scores = context.chance()
        add_entries(scores, [(offer.league.codes, ranks)])
        return scores

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        league, recent = context.offer.league[place], context.profile.recent
        bets = sum(each.league == league for each in recent)
        name = name_of(league)
        return [share_of_last_bets(bets, len(recent), name)] if bets > 1 and name else []
