"""The forms of prices of markets: in messages of events, of the topic `odds`, and in selections."""

from collections.abc import Iterator
from typing import Any

from recommendations.models import MarketStatus

Message = dict[str, Any]

_ODDS = (1.001, 1.01, 2, "2.50", 2.6999, 1000, 1, 0, "OTB", None)
_LINES = (2.5, "2.50", 2, -1.25, "-0.5", "+1.5", 0, "MESSI", "1st half 0.5", "", None)
_NAMES = ("over", "Über 2,5", 12, 1.0, "x" * 100, "a b")
_WORDS = (*MarketStatus.values, "Live", "handedover", "inactive", "bet-stop", "OPEN", None)
_PRODUCERS = ("LIVE", "live", " pre match ", 3, "x" * 100)

TOTALS: Message = {
    "market": "TOTALS",
    "line": 2.5,
    "outcomes": [{"outcome": "OVER", "odd": 1.91}, {"outcome": "UNDER", "odd": 1.95}],
}
WINNER: Message = {
    "market": "1X2",
    "status": "open",
    "outcomes": [{"outcome": name, "odd": odd} for name, odd in (("HOME", 1.85), ("DRAW", 3.6), ("AWAY", 4.4))],
}
NAMED: Message = {"market": "TOTALS", "line": 2.5, "outcome": "OVER"}
PRICES: Message = {
    "event_id": 7,
    "producer": "LIVE",
    "timestamp": "2025-06-02T11:28:20.250Z",
    "markets": [TOTALS, WINNER],
}

MARKET_ROWS = """
jsonb_agg(jsonb_build_object(
    'market', market, 'line', line, 'outcomes', outcomes, 'odds', odds, 'status', markets.status
) ORDER BY market, line) FROM markets JOIN market_lines ON market_lines.id = line_id
"""
# A row for each producer: its status, and its prices.
PRODUCER_ROWS = f"""
code AS id, name, is_down, sends_heartbeats,
(SELECT {MARKET_ROWS} WHERE producer = code) AS markets, (SELECT max(beats) FROM feeds WHERE producer = code) AS beats,
(SELECT max(as_of) FROM markets WHERE producer = code) AS timestamp FROM producers
"""


def market_lists() -> Iterator[list[Message]]:
    yield []
    yield [TOTALS]
    yield [TOTALS, WINNER]
    yield [TOTALS, TOTALS | {"line": 3.5}]
    yield from ([TOTALS | {"line": line}] for line in _LINES)
    yield from ([TOTALS | {"market": name}] for name in _NAMES)
    yield from ([TOTALS | {"status": word}] for word in _WORDS)
    yield from ([TOTALS | {"outcomes": [over]}, WINNER] for over in _outcomes())
    yield [{name: value for name, value in TOTALS.items() if name != "line"}]
    yield [{"market": "TOTALS"}, WINNER]


def _outcomes() -> Iterator[Message]:
    over = {"outcome": "OVER", "odd": 1.91}
    yield from (over | {"odd": odd} for odd in _ODDS)
    yield from (over | {"outcome": name} for name in _NAMES)
    yield from (over | {"status": word} for word in _WORDS)
    yield {"outcome": "OVER"}


def event_messages(event: Message) -> Iterator[tuple[str, Message]]:
    """Events with markets, each with its name."""
    without_odd = {name: value for name, value in event.items() if name != "odd"}
    for markets in market_lists():
        yield f"markets {markets!r:.90}", event | {"producer": "PREMATCH", "markets": markets}
    for producer in _PRODUCERS:
        yield f"producer {producer!r:.60} of markets", event | {"producer": producer, "markets": [TOTALS]}
    yield "markets instead of an odd", without_odd | {"producer": "PREMATCH", "markets": [WINNER]}
    yield "producer without markets", event | {"producer": "PREMATCH"}


def odds_messages() -> Iterator[tuple[str, Message]]:
    """Stops, and statuses of producers."""
    about, about_event = {"producer": "LIVE"}, {"event_id": 7, "producer": "LIVE"}
    for stop in (True, False, ["TOTALS"], ["totals", "1X2"], []):
        yield f"stop {stop}", about_event | {"stop": stop}
        yield f"markets and stop {stop}", PRICES | {"stop": stop}
    for beat in (True, False, {}, {"complete": True}, {"complete": False}):
        yield f"heartbeat {beat}", about | {"heartbeat": beat}
    for word in ("up", "down", "UP", "Alive", None):
        yield f"producer {word}", about | {"status": word}
    yield "markets and heartbeat", PRICES | {"heartbeat": True}


ODDS_FORMS: dict[str, list[Any]] = {
    "producer": [*_PRODUCERS],
    "markets": [*market_lists()],
}


def selections(match: Message) -> Iterator[Message]:
    """Selections that name an outcome."""
    yield match | NAMED
    yield from (match | NAMED | {"line": line} for line in _LINES)
    yield from (match | NAMED | {"outcome": name} for name in _NAMES)
    yield match | {"market": "1X2", "outcome": "HOME"}
    yield match | {"market": 1}
    yield match | {"market": None, "line": None, "outcome": None}
