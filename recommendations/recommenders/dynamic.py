"""`dynamic`: events of the user's favourite sport."""

from .base import Recommender, Scores, ScoringContext


class Dynamic(Recommender):
    """Random events of the favourite sport; random others only where those are too few."""

    name = "dynamic"

    def applies(self, situation: ScoringContext) -> bool:
        return bool(situation.profile.favorite_sport)

    def score(self, situation: ScoringContext) -> Scores:
        offer = situation.offer
        scores: Scores = offer.sport.equals(situation.profile.favorite_sport) + situation.chance()
        return scores

    def reasons(self, situation: ScoringContext, place: int) -> list[str]:
        sport = situation.offer.sport[place]
        return [f"{sport} is your favourite sport"] if sport == situation.profile.favorite_sport else []
