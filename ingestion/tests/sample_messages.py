"""Valid messages of a casino."""

from typing import Any

SELECTION: dict[str, Any] = {
    "country": "ENGLAND",
    "league": "PREMIER LEAGUE",
    "home_team": "LEEDS",
    "away_team": "DERBY",
    "sport": "FOOTBALL",
    "odd": 2.5,
}


def user(**changes: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "name": "Ada",
        "surname": "Lovelace",
        "birth_year": 1985,
        "currency": "EUR",
        "country": "England",
        "gender": "FEMALE",
        "timestamp": "2025-06-01T11:28:20",
        "favorite_sport": "football",
    } | changes


def event(**changes: Any) -> dict[str, Any]:
    return {"begin_timestamp": 1_900_000_000, "end_timestamp": 1_900_007_200} | SELECTION | changes


def coupon(**changes: Any) -> dict[str, Any]:
    return {
        "user_id": 7,
        "stake": 10.5,
        "timestamp": "2025-06-01T11:28:20",
        "recommended_events": [SELECTION],
    } | changes


def served(**changes: Any) -> dict[str, Any]:
    return {
        "recommendation_id": "00000000-0000-4000-8000-000000000001",
        "user_id": 7,
        "timestamp": "2025-06-01T11:28:20",
        "recommender": "inference",
        "asked_for": "inference",
        "stake": 10.5,
        "currency": "EUR",
        "events": [{"event_id": 5, "odd": 2.5, "score": 0.25}],
    } | changes


def impression(**changes: Any) -> dict[str, Any]:
    return {
        "recommendation_id": "00000000-0000-4000-8000-000000000001",
        "user_id": 7,
        "kind": "seen",
        "timestamp": "2025-06-01T11:28:20",
    } | changes


def without(message: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != field}
