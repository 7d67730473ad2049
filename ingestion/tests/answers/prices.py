"""Random markets of messages, with their meaning."""

import random
from collections.abc import Sequence
from typing import Any

from .meanings import MarketMeaning, line_scope
from .scenario import Line

_CLOSED: tuple[dict[str, Any], ...] = (
    {"odd": None},
    {},
    {"odd": 1},
    {"odd": 0.99},
    {"odd": 0},
    {"odd": "OTB"},
    {"odd": "two"},
    {"odd": 1_000_000},
    {"odd": 2.5, "status": "suspended"},
    {"odd": 2.5, "status": "perhaps"},
)
_CLOSED_STATUSES = ("suspended", "closed", "settled", "cancelled", "perhaps")
_SHARE_CLOSED, _SHARE_EDGE = 0.05, 0.02
_SHARE_OF_STATUS, _SHARE_UNREADABLE, _SHARE_UNNAMED, _SHARE_LEFT_OUT = 0.04, 0.006, 0.001, 0.02
_EDGES = (1.001, 1.01, 1.5, 4.0, 999.0)


class Markets:
    """The markets of one message: as `sent`, and their meaning."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.meanings: list[MarketMeaning] = []
        self.closings: list[str] = []


def random_markets(lines: Sequence[Line], rng: random.Random) -> Markets:
    """Prices of these lines. Some are closed. Some are unreadable, which closes them, or all lines if an unreadable one
    has no readable line."""
    markets = Markets()
    for line in lines:
        _add(markets, line, rng)
    if rng.random() < _SHARE_UNNAMED:
        markets.sent.append({"market": [], "outcomes": [{"outcome": "OVER", "odd": 2}]})
        markets.meanings, markets.closings = [], [""]
    return markets


def _add(markets: Markets, line: Line, rng: random.Random) -> None:
    name, sent_line, stored_line, outcomes = line
    market: dict[str, Any] = {"market": name.lower() if rng.random() < 0.1 else name}
    if sent_line is not None:
        market["line"] = sent_line
    if rng.random() < _SHARE_UNREADABLE:
        broken: Any = rng.choice([[], [{"outcome": "OVER", "odd": 2}] * 2, {}, 7])
        markets.sent.append(market | {"outcomes": broken})
        markets.closings.append(line_scope(name, stored_line))
        return
    if rng.random() < _SHARE_LEFT_OUT:
        outcomes = outcomes[:-1]
    odds = {outcome: _outcome(rng) for outcome in outcomes}
    sent = [{"outcome": outcome} | fields for outcome, (fields, _) in odds.items()]
    rng.shuffle(sent)
    is_open = rng.random() >= _SHARE_OF_STATUS
    if not is_open:
        market["status"] = rng.choice(_CLOSED_STATUSES)
    elif rng.random() < 0.2:
        market["status"] = "open"
    markets.sent.append(market | {"outcomes": sent})
    markets.meanings.append(MarketMeaning(name, stored_line, is_open, {name: odd for name, (_, odd) in odds.items()}))


def _outcome(rng: random.Random) -> tuple[dict[str, Any], int]:
    """The fields of an outcome, and its odd in thousandths, 0 if it is closed."""
    if rng.random() < _SHARE_CLOSED:
        return rng.choice(_CLOSED), 0
    odd = rng.choice(_EDGES) if rng.random() < _SHARE_EDGE else rng.randint(105, 900) / 100
    return {"odd": odd}, round(odd * 1_000)
