"""The demo's three casinos, each with its own recommender, recommendation schema and offer; one has markets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .fixtures import Fixture


@dataclass(frozen=True, slots=True)
class DemoCasino:
    name: str
    recommender_type: str
    recommendation_schema: dict[str, Any]
    margin: float
    currency: str
    offers: Callable[[Fixture], bool]
    has_markets: bool = False  # else events have only an odd


_AMERICAS = {"USA", "UNITED STATES", "BRAZIL", "ARGENTINA", "MEXICO", "CANADA"}

DEMO_CASINOS = (
    DemoCasino(
        name="Aurora Casino",
        recommender_type="inference",
        recommendation_schema={
            "user_id": {"type": "int", "source_field": "id"},
            "bet": {"type": "float", "source_field": "stake"},
            "time": {"type": "float", "source_field": "timestamp"},
            "events": {"type": "list", "source_field": "recommended_events"},
        },
        margin=0.05,
        currency="EUR",
        offers=lambda _: True,
    ),
    DemoCasino(
        name="Borealis Bets",
        recommender_type="inference_score",
        recommendation_schema={
            "slip": {"type": "uuid", "source_field": "recommendation_id"},
            "customer": {"type": "string", "source_field": "user_id"},
            "amount": {"type": "string", "source_field": "stake"},
            "made_at": {"type": "string", "source_field": "timestamp"},
            "picks": {"type": "list", "source_field": "recommended_events"},
        },
        margin=0.07,
        currency="GBP",
        offers=lambda fixture: fixture.country not in _AMERICAS,
    ),
    DemoCasino(
        name="Cascade Sportsbook",
        recommender_type="hybrid",
        recommendation_schema={
            "user_id": "int",
            "stake": "float",
            "currency": "string",
            "timestamp": "int",
            "recommended_events": {
                "type": "list",
                "source_field": "recommended_events",
                "fields": {
                    "event_id": "int",
                    "home_team": "string",
                    "away_team": "string",
                    "league": "string",
                    "sport": "string",
                    "market": "string",
                    "line": "string",
                    "outcome": "string",
                    "odd": "float",
                    "priced_at": "string",
                    "begin_timestamp": "string",
                    "reasons": "list",
                },
            },
            "recommender": "string",
            "potential_return": "float",
        },
        margin=0.04,
        currency="USD",
        offers=lambda fixture: fixture.sport != "FOOTBALL" or fixture.country in _AMERICAS,
        has_markets=True,
    ),
)
