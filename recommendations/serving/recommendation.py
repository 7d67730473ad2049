"""A recommendation before it is put into a casino's own words."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RecommendedEvent:
    """An event of the offer, as the recommender's `score` and `reasons` chose it."""

    country: str
    league: str
    home_team: str
    away_team: str
    sport: str
    odd: float
    event_id: int
    begin_timestamp: datetime
    status: str
    score: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A bet slip for one user: a stake in the user's currency, and the events to bet on, best first.

    `recommender` is the one that served it, `fallback_step` how many were asked before it that knew too little, and
    `model_version` what it was fitted as, if it was. `refusal` is a guard rail's code where bets may not be shown: then
    there are no events, and the stake is 0. `confidence`, from 0 to 1, says how much is known about the user.
    """

    recommendation_id: UUID
    user_id: int
    stake: Decimal
    currency: str
    timestamp: datetime
    expires_at: datetime
    recommender: str
    fallback_step: int
    model_version: str
    confidence: float
    refusal: str
    recommended_events: tuple[RecommendedEvent, ...]
    total_odds: Decimal
    potential_return: Decimal

    @property
    def count(self) -> int:
        return len(self.recommended_events)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The weightiest reason of each event that has one, each once."""
        return tuple(dict.fromkeys(event.reasons[0] for event in self.recommended_events if event.reasons))
