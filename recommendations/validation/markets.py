"""Messages about the markets of one event, and about their producers' feeds, as validated rows.

A message contains all outcomes of a market: missing outcomes are closed. Odds are in thousandths, 0 for a closed
outcome. Unreadable parts of a message close markets too, by a `Closing`.
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
BY_UPLOAD = -1  # stands for the partition in feeds by HTTP or file


class MarketRow(msgspec.Struct, frozen=True, gc=False):  # a batch has tens of thousands
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
    """A message's effect on its feed, a partition, at the time of sending. `loses_prices`: older prices of the feed
    become invalid."""

    partition: int
    sent_at: datetime
    is_heartbeat: bool = False
    is_down: bool = False
    loses_prices: bool = False


class UnreadMarket(msgspec.Struct, frozen=True):
    """The first unreadable part of a message. `field`: its place, as `markets[2].outcomes[0].odd`."""

    code: str
    field: str
    detail: str


class OddsRow(msgspec.Struct, kw_only=True, gc=False):
    """A message about the markets of the event `id` as of `timestamp`, and about its feed. `id` is None for a message
    about the feed alone. `producer` is empty if unreadable: then the closings apply to all producers' markets.
    `is_complete`: markets that are not listed are closed. `unknown_word`: an unknown status word of a market or an
    outcome."""

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
    """Build a row. Raises InvalidRow for no outcomes, too many, or equal ones."""
    pairs = tuple(outcomes)
    names = tuple([name for name, _ in pairs])
    require_distinct(names)
    return MarketRow(market, line, status, names, tuple([odd for _, odd in pairs]))


def require_distinct(names: Sequence[str]) -> None:
    """Raises InvalidRow for no names, too many, or equal ones."""
    if not names:
        raise InvalidRow("missing", "outcomes", "must list at least one outcome")
    if len(names) > MAX_OUTCOMES:
        raise InvalidRow("too_many", "outcomes", f"lists {len(names)}; must list at most {MAX_OUTCOMES}")
    if len(set(names)) < len(names):
        raise InvalidRow("inconsistent", "outcomes", "lists an outcome more than once")


def scope_of(market: str, line: str) -> str:
    """The scope of one market line."""
    return f"{market}{SEPARATOR}{line}"
