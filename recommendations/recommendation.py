"""A recommendation before it is put into a casino's own words."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RecommendedEvent:
    event_id: int
    country: str
    league: str
    home_team: str
    away_team: str
    sport: str
    odd: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A bet slip for one user: a stake in the user's currency, and the events to bet on, best first."""

    recommendation_id: UUID
    user_id: int
    stake: Decimal
    timestamp: datetime
    recommender: str
    recommended_events: tuple[RecommendedEvent, ...]
