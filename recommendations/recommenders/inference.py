"""`inference`: the (sport, league) pairs that the user bets on most often."""

import numpy as np

from recommendations.offer.arrays import add_entries

from .base import ProfilePart, Recommender, Scores, ScoringContext


class Inference(Recommender):
    """All events of the first favourite pair come before those of the second, and so on; random others come last.
    Within a pair the order is random."""

    name = "inference"
    needs = frozenset({ProfilePart.FAVORITE_PAIRS})

    def score(self, context: ScoringContext) -> Scores:
        offer, pairs = context.offer, context.profile.favorite_pairs
        ranks = np.zeros(len(offer.pair.values) + 1)
        for rank, pair in enumerate(reversed(pairs), start=1):
            ranks[offer.pair.dictionary.places.get(pair, -1)] = rank
        ranks[-1] = 0  # of all pairs that the offer lacks
        scores = context.chance()
        add_entries(scores, [(offer.pair.codes, ranks)])
        return scores

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        sport, league = context.offer.pair[place]
        recent = context.profile.recent
        bets = sum((each.sport, each.league) == (sport, league) for each in recent)
        return [f"{bets} of your last {len(recent)} bets were on {league}"] if bets > 1 else []
