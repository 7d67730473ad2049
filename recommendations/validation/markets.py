"""Messages about the markets of one event, and about their producers, as validated rows.

A market is told with all its outcomes: an outcome that it leaves out is closed. Odds are thousandths, 0 for a closed
outcome. What closes is a `Closing`; what could not be read closes too.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from recommendations.errors import InvalidRow
from recommendations.models import MarketStatus

from .fields import SEPARATOR
from .own_ids import OwnId

MAX_MARKETS = 2_000  # of a message, and of an event
MAX_OUTCOMES = 200  # of a market
ALL_MARKETS = ""  # a scope
CLOSED_ODD = 0
BY_UPLOAD = -1  # the partition of feeds whose heartbeats come by HTTP or in a file


class MarketRow(msgspec.Struct, frozen=True, gc=False):  # of which a batch has tens of thousands
    """A market line with all its outcomes, in the order in which they were sent, and their odds."""

    market: str
    line: str
    status: str
    outcomes: tuple[str, ...]
    odds: tuple[int, ...]


class Closing(msgspec.Struct, frozen=True):
    """Closes a producer's markets of an event within `scope`: all, a market, or a market line."""

    scope: str
    status: str = MarketStatus.SUSPENDED


class Heard(msgspec.Struct, frozen=True):
    """What a message says about its feed: that of a partition, at the time of sending. With `loses_prices`, older
    prices of the feed can't be trusted."""

    partition: int
    sent_at: datetime
    is_heartbeat: bool = False
    is_down: bool = False
    loses_prices: bool = False


class UnreadMarket(msgspec.Struct, frozen=True):
    """The first part of a message that could not be read: its place, as `markets[2].outcomes[0].odd`."""

    code: str
    field: str
    detail: str


class OddsRow(msgspec.Struct, kw_only=True, gc=False):
    """What a message says about the markets of the event `id` as of `timestamp`, and about its feed. `producer` is
    empty where it could not be read: then the closings are of every producer's markets. `is_complete`: markets that it
    leaves out are closed. `id` is None for a message about the feed alone. `unknown_word`: a status of a market or an
    outcome that is none of the known words."""

    id: OwnId | None = None
    producer: str = ""
    timestamp: datetime
    markets: tuple[MarketRow, ...] = ()
    closings: tuple[Closing, ...] = ()
    is_complete: bool = False
    heard: Heard | None = None
    unread: UnreadMarket | None = None
    unknown_word: str = ""


def market_row(market: str, line: str, status: str, outcomes: Iterable[tuple[str, int]]) -> MarketRow:
    """Raises InvalidRow for no outcomes, too many, or two alike."""
    told = tuple(outcomes)
    names = tuple([name for name, _ in told])
    require_distinct(names)
    return MarketRow(market, line, status, names, tuple([odd for _, odd in told]))


def require_distinct(names: Sequence[str]) -> None:
    """Raises InvalidRow for names of outcomes that are none, too many, or two alike."""
    if not names:
        raise InvalidRow("missing", "outcomes", "must list at least one outcome")
    if len(names) > MAX_OUTCOMES:
        raise InvalidRow("too_many", "outcomes", f"lists {len(names)}; must list at most {MAX_OUTCOMES}")
    if len(set(names)) < len(names):
        raise InvalidRow("inconsistent", "outcomes", "lists an outcome more than once")


def scope_of(market: str, line: str) -> str:
    """The scope of one market line."""
    return f"{market}{SEPARATOR}{line}"
