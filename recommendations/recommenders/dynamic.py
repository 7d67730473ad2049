"""`dynamic`: events of the user's favourite sport."""

from .base import Recommender, Scores, ScoringContext


class Dynamic(Recommender):
    """Random events of the favourite sport, then random others."""

    name = "dynamic"

    def applies(self, context: ScoringContext) -> bool:
        return bool(context.profile.favorite_sport)

    def score(self, context: ScoringContext) -> Scores:
        scores = context.chance()
        scores += context.offer.sport.equals(context.profile.favorite_sport)
        return scores

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        sport = context.offer.sport[place]
        return [f"{sport} is your favourite sport"] if sport == context.profile.favorite_sport else []
