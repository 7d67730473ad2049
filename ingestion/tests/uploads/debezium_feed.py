"""A casino's own database as a Debezium feed: ids are UUIDs, sports tennis and curling, money BTC and KWD.

Its tables of events and users have the columns of the shipped mappings; its bets have their own form.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

NOW = datetime.now(UTC).replace(microsecond=0)
SENT = NOW - timedelta(hours=1)

OPTIONS: dict[str, Any] = {
    "catalogue": {"sports": ["TENNIS", "CURLING"], "currencies": ["BTC", "KWD"], "currency_decimals": {"BTC": 8}},
    "default_stakes": {"BTC": 0.0002},
}
BETS: dict[str, Any] = {
    "messages": "coupons",
    "fields": {
        "id": "after.no",
        "user_id": "after.player",
        "stake": "after.amount",
        "timestamp": {"from": "after.placed", "then": {"time": {"unit": "microseconds"}}},
        "recommended_events": {
            "each": "after.legs",
            "fields": {
                name: name
                for name in ("event_id", "sport", "country", "league", "home_team", "away_team", "odd", "category")
            },
        },
    },
}


def uuid(number: int) -> str:
    return str(UUID(int=0xC0FFEE << 96 | number))


ADA, BOB, EVE, CYD, GONE, UNKNOWN = map(uuid, range(1, 7))


def change(op: str, before: Any, after: Any, minutes: int = 0, *, has_schema: bool = False) -> dict[str, Any]:
    """A change event of a row; with JSON's schemas or without."""
    sent = SENT + timedelta(minutes=minutes)
    payload = {"op": op, "before": before, "after": after, "ts_ms": int(sent.timestamp() * 1_000)}
    return {"schema": {"type": "struct"}, "payload": payload} if has_schema else payload


def event(number: int, sport: str, hours: float, **changes: Any) -> dict[str, Any]:
    begin = NOW + timedelta(hours=hours)
    return {
        "id": uuid(number),
        "sport": sport,
        "country": "Kuwait",
        "league": f"{sport} Open",
        "home_team": f"Home {number}",
        "away_team": f"Away {number}",
        "begin_timestamp": _microseconds(begin),
        "end_timestamp": _microseconds(begin + timedelta(hours=3)),
        "status": "scheduled",
        "odd": "1.85",
    } | changes


def user(id: str, currency: str, **changes: Any) -> dict[str, Any]:
    known = {"id": id, "name": "Zoë", "surname": id[-2:], "birth_year": 1985, "currency": currency, "country": "Kuwait"}
    return known | {"gender": "F", "favorite_sport": "curling"} | changes


def bet(number: int, player: str, amount: str, *events: dict[str, Any]) -> dict[str, Any]:
    names = ("sport", "country", "league", "home_team", "away_team", "odd")
    legs = [{"event_id": each["id"]} | {name: each[name] for name in names} for each in events]
    placed = _microseconds(SENT + timedelta(minutes=number))
    after = {"no": uuid(1_000 + number), "player": player, "amount": amount, "placed": placed, "legs": legs}
    return change("c", None, after)


def _microseconds(time: datetime) -> int:
    return int(time.timestamp()) * 1_000_000


FIRST, SECOND, THIRD, FOURTH = (
    event(101, "TENNIS", 5),
    event(102, "curling", 6),
    event(103, "Tennis", 7),
    event(104, "CURLING", 8),
)
UNPRICED, CLOSED, DELETED, GOLF = (
    event(105, "TENNIS", 4, odd=None),
    event(106, "CURLING", 4),
    event(107, "TENNIS", 4),
    event(108, "GOLF", 4),
)

EVENTS = [
    *(change("c", None, each) for each in (FIRST, SECOND, THIRD, FOURTH, UNPRICED, CLOSED, DELETED, GOLF)),
    change("u", SECOND, SECOND | {"odd": "2.25"}, 1, has_schema=True),
    change("u", CLOSED, CLOSED | {"status": "abgesagt"}, 1),  # an unknown word closes
    change("d", DELETED, None, 1, has_schema=True),
    change("c", None, event(109, "TENNIS", 4, begin_timestamp="soon"), 1),
    change("u", FOURTH, FOURTH | {"odd": "9"}, -1),  # older than a message before it
]
USERS = [
    *(change("r", None, each) for each in (user(ADA, "BTC"), user(BOB, "kwd"), user(EVE, "EUR"), user(GONE, "BTC"))),
    change("r", None, user(CYD, "KWD", status="self_excluded", birth_date=5_500), has_schema=True),
    change("d", user(GONE, "BTC"), None, 2),
]
COUPONS = [
    bet(1, ADA, "0.00123456", FIRST),
    bet(2, BOB, "5.125", SECOND, FIRST),
    bet(3, UNKNOWN, "1", FIRST),
    bet(4, ADA, "much", FIRST),
    bet(5, GONE, "1", FIRST),
    bet(6, ADA, "0.00123456", event(110, "GOLF", -9)),
]
