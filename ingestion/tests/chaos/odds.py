"""The prices of one casino's events: random messages, and the rows that they must result in."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from recommendations.models import MarketStatus
from recommendations.storing.markets import FEED_SILENCE
from recommendations.validation.fields import EARLIEST
from recommendations.validation.markets import ALL_MARKETS, Closing, Heard, MarketRow, OddsRow, market_row, scope_of

_PRODUCERS = "EARLY", "LIVE"
_MARKETS = (
    ("1X2", "", ("AWAY", "DRAW", "HOME")),
    ("TOTALS", "2.5", ("OVER", "UNDER")),
    ("TOTALS", "3.5", ("OVER", "UNDER")),
)
_STATUSES = [MarketStatus.OPEN] * 5 + [MarketStatus.SUSPENDED, MarketStatus.SETTLED]
_SHARE_OF_BEATS, _SHARE_OF_STOPS, _SHARE_INCOMPLETE = 0.2, 0.1, 0.05


class _Row(NamedTuple):
    as_of: datetime
    producer: str
    status: str
    odds: tuple[tuple[str, int], ...]


class FeedRow(NamedTuple):
    heard_at: datetime
    valid_since: datetime = EARLIEST
    beats: int = 0


def random_odds(event: int, rng: random.Random, next_time: Callable[[], datetime]) -> OddsRow:
    """Prices of some of the event's markets, a stop, or a heartbeat. Its `heard` has neither partition nor time yet."""
    producer, time = rng.choice(_PRODUCERS), next_time()
    if rng.random() < _SHARE_OF_BEATS:
        heard = _heard(is_heartbeat=True, loses_prices=rng.random() < _SHARE_INCOMPLETE)
        return OddsRow(producer=producer, timestamp=time, heard=heard)
    row = OddsRow(id=event, producer=producer, timestamp=time, heard=_heard())
    if rng.random() < _SHARE_OF_STOPS:
        row.closings = (Closing(rng.choice([ALL_MARKETS, "TOTALS"])),)
    else:
        row.markets = tuple(_market(each, rng) for each in rng.sample(_MARKETS, rng.randint(1, len(_MARKETS))))
    return row


def encode_odds(row: OddsRow) -> bytes:
    """The message that decodes to `row`."""
    about: dict[str, Any] = {"producer": row.producer, "timestamp": row.timestamp}
    if row.id is None and row.heard is not None:
        return msgspec.json.encode(about | {"heartbeat": {"complete": not row.heard.loses_prices}})
    about["event_id"] = row.id
    if row.closings:
        scopes = [closing.scope for closing in row.closings]
        return msgspec.json.encode(about | {"stop": True if ALL_MARKETS in scopes else scopes})
    return msgspec.json.encode(about | {"markets": [_encoded(market) for market in row.markets]})


class ExpectedOdds:
    """The rows of `markets`, `market_stops` and `feeds` after all messages, in any order."""

    def __init__(self) -> None:
        self.stops: dict[tuple[int, str, str], datetime] = {}
        self.feeds: dict[tuple[str, int], FeedRow] = {}
        self._markets: dict[tuple[int, str, str], _Row] = {}

    def add(self, row: OddsRow, partition: int, sent_at: int) -> None:
        """Add a message; `sent_at` is in milliseconds."""
        self._hear(row, (row.producer, partition), datetime.fromtimestamp(sent_at / 1_000, UTC))
        if not isinstance(row.id, int):
            return
        for market in row.markets:
            key = row.id, market.market, market.line
            if key not in self._markets or self._markets[key].as_of < row.timestamp:
                odds = tuple(sorted(zip(market.outcomes, market.odds, strict=True)))
                self._markets[key] = _Row(row.timestamp, row.producer, market.status, odds)
        for closing in row.closings:
            stop = row.id, row.producer, closing.scope
            self.stops[stop] = max(self.stops.get(stop, EARLIEST), row.timestamp)

    @property
    def markets(self) -> dict[tuple[int, str, str], _Row]:
        return {key: self._stopped(key, row) for key, row in self._markets.items()}

    def _stopped(self, key: tuple[int, str, str], row: _Row) -> _Row:
        event, market, line = key
        scopes = ALL_MARKETS, market, scope_of(market, line)
        stopped = max(self.stops.get((event, row.producer, scope), EARLIEST) for scope in scopes)
        is_stopped = row.status == MarketStatus.OPEN and row.as_of <= stopped
        return row._replace(status=MarketStatus.SUSPENDED) if is_stopped else row

    def _hear(self, row: OddsRow, key: tuple[str, int], sent_at: datetime) -> None:
        before = self.feeds.get(key, FeedRow(sent_at))
        is_lost = sent_at - before.heard_at > FEED_SILENCE or (row.heard is not None and row.heard.loses_prices)
        self.feeds[key] = FeedRow(
            max(before.heard_at, sent_at),
            max(before.valid_since, sent_at) if is_lost else before.valid_since,
            before.beats + (row.heard is not None and row.heard.is_heartbeat),
        )


def _heard(**flags: bool) -> Heard:
    return Heard(-1, EARLIEST, **flags)


def _market(of: tuple[str, str, tuple[str, ...]], rng: random.Random) -> MarketRow:
    name, line, outcomes = of
    odds = [(outcome, rng.choice([0, *[rng.randint(1_010, 9_000)] * 9])) for outcome in outcomes]
    return market_row(name, line, rng.choice(_STATUSES), odds)


def _encoded(market: MarketRow) -> dict[str, Any]:
    outcomes = [
        {"outcome": name, "odd": odd / 1_000 if odd else None}
        for name, odd in zip(market.outcomes, market.odds, strict=True)
    ]
    line = {"line": market.line} if market.line else {}
    return {"market": market.market, "status": market.status, "outcomes": outcomes, **line}
