"""Reads the markets of a message: what can be read is kept, and what can't be read closes.

An outcome without a usable odd, or that is not open, is closed. A market that can't be read is closed whole, if its
name and line can be read; else all markets of the event are. The first problem is told with its place.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import msgspec

from recommendations.errors import InvalidRow
from recommendations.models import EventStatus, MarketStatus
from recommendations.validation import fields, status_words
from recommendations.validation.market_texts import MarketText, line_text, market_text
from recommendations.validation.markets import (
    ALL_MARKETS,
    CLOSED_ODD,
    MAX_MARKETS,
    Closing,
    MarketRow,
    OddsRow,
    UnreadMarket,
    market_row,
    scope_of,
)
from recommendations.validation.odds import OddFormat, read_odd

from .problems import problem_of

OFF_THE_BOARD = frozenset(
    {"", "off", "otb", "offboard", "offtheboard", "n/a", "na", "none", "null", "closed", "suspended", "susp"}
)
READ_TEXT = msgspec.json.Decoder(str).decode
_CACHED = 32_768
_LONGEST_ODD = 40  # bytes; longer ones would fill the cache
_NULL = b"null"
_NO_ODD = msgspec.Raw(_NULL)
_OF_EVENTS = {
    EventStatus.OPEN: MarketStatus.OPEN,
    EventStatus.LIVE: MarketStatus.OPEN,
    EventStatus.SUSPENDED: MarketStatus.SUSPENDED,
    EventStatus.CANCELLED: MarketStatus.CANCELLED,
    EventStatus.SETTLED: MarketStatus.SETTLED,
}
_OWN_WORDS = dict.fromkeys(("closed", "inactive", "deactivated", "handedover", "disabled"), MarketStatus.CLOSED)


class _Outcome(msgspec.Struct):
    outcome: MarketText
    odd: msgspec.Raw = _NO_ODD
    status: str | None = None


class _Market(msgspec.Struct):
    market: MarketText
    outcomes: list[_Outcome]
    line: MarketText | None = None
    status: str | None = None


class _Named(msgspec.Struct):
    """The part of a market that can be read where others can't."""

    market: MarketText
    line: MarketText | None = None


_ITEMS = msgspec.json.Decoder(list[msgspec.Raw]).decode
_MARKET = msgspec.json.Decoder(_Market).decode
_NAMED = msgspec.json.Decoder(_Named).decode
_UNREADABLE = (InvalidRow, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(slots=True)
class ReadMarkets:
    """The markets that can be read, and the closings of the others. `unread` is the first problem."""

    markets: list[MarketRow] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    unread: UnreadMarket | None = None

    def note(self, error: Exception, place: str) -> None:
        if self.unread is None:
            code, name, detail = problem_of(error)
            inner = f"{place}.{name}".strip(".")
            self.unread = UnreadMarket(code, inner, f"{inner}: {detail}")

    def close_all(self, error: Exception, place: str) -> None:
        self.note(error, place)
        self.markets.clear()
        self.closings = [Closing(ALL_MARKETS)]


def read_markets(raw: bytes, odd_format: OddFormat) -> ReadMarkets:
    """The markets of a message, a list in JSON."""
    found = ReadMarkets()
    try:
        items = _ITEMS(raw)
        if len(items) > MAX_MARKETS:
            raise InvalidRow("too_many", "markets", f"lists {len(items)}; must list at most {MAX_MARKETS}")
    except _UNREADABLE as error:
        found.close_all(error, "" if isinstance(error, InvalidRow) else "markets")
        return found
    for number, item in enumerate(items):
        _read_market(bytes(item), f"markets[{number}]", odd_format, found)
    if any(closing.scope == ALL_MARKETS for closing in found.closings):
        found.markets.clear()
    return found


def event_odds(producer: str, read: ReadMarkets, as_of: datetime) -> OddsRow:
    """The markets in an event's message, which are all that the producer has."""
    return OddsRow(
        producer=producer,
        timestamp=as_of,
        markets=tuple(read.markets),
        closings=tuple(read.closings),
        is_complete=True,
        unread=read.unread,
    )


def _read_market(raw: bytes, place: str, odd_format: OddFormat, found: ReadMarkets) -> None:
    try:
        given = _MARKET(raw)
        market, line = market_text("market", given.market), line_text("line", given.line)
        status = _status(given.status, place, found)
        outcomes = [_outcome(each, number, place, odd_format, found) for number, each in enumerate(given.outcomes)]
        found.markets.append(market_row(market, line, status, outcomes))
    except _UNREADABLE as error:
        found.note(error, place)
        found.closings.append(_closing_of(raw))


def _closing_of(raw: bytes) -> Closing:
    """Of a market that can't be read: it alone, if it is known which."""
    try:
        named = _NAMED(raw)
        return Closing(scope_of(market_text("market", named.market), line_text("line", named.line)))
    except _UNREADABLE:
        return Closing(ALL_MARKETS)


def _outcome(given: _Outcome, number: int, place: str, odd_format: OddFormat, found: ReadMarkets) -> tuple[str, int]:
    """The outcome's name and its odd in thousandths, 0 if it is closed."""
    try:
        name = market_text("outcome", given.outcome)
    except InvalidRow as error:
        raise InvalidRow(error.code, f"outcomes[{number}].outcome", error.problem) from error
    if given.status is not None and _status(given.status, f"{place}.outcomes[{number}]", found) != MarketStatus.OPEN:
        return name, CLOSED_ODD
    odd = read_thousandths(bytes(given.odd), odd_format)
    if isinstance(odd, InvalidRow):
        found.note(odd, f"{place}.outcomes[{number}]")
        return name, CLOSED_ODD
    return name, odd


def _status(word: str | None, place: str, found: ReadMarkets) -> str:
    """An unknown word closes."""
    if word is None:
        return MarketStatus.OPEN
    try:
        return market_status(word)
    except InvalidRow as error:
        found.note(error, place)
        return MarketStatus.CLOSED


@lru_cache(1_024)
def _known_status(word: str) -> str | None:
    normalized = status_words.normalized(word)
    of_event = status_words.EVENT_WORDS.get(normalized)
    return _OWN_WORDS.get(normalized) or (_OF_EVENTS[EventStatus(of_event)] if of_event else None)


def market_status(word: str) -> str:
    """The status of a market or an outcome that the word means. Raises InvalidRow."""
    status = _known_status(word) if len(word) <= fields.MAX_TEXT else None
    if status is None:
        raise InvalidRow("unknown_value", "status", f"must be one of {', '.join(MarketStatus.values)}")
    return status


def read_thousandths(raw: bytes, odd_format: OddFormat) -> int | InvalidRow:
    """An odd in JSON, in thousandths; 0 for no price: null, 1 or less, or text such as OFF."""
    return (_cached_thousandths if len(raw) <= _LONGEST_ODD else _thousandths)(raw, odd_format)


def _thousandths(raw: bytes, odd_format: OddFormat) -> int | InvalidRow:
    try:
        if raw == _NULL or (raw.startswith(b'"') and status_words.normalized(READ_TEXT(raw)) in OFF_THE_BOARD):
            return CLOSED_ODD
        odd = read_odd("odd", raw, odd_format)
        if odd <= Decimal(1):
            return CLOSED_ODD
        return int(fields.odd("odd", odd) * 1_000)
    except InvalidRow as error:
        return error


_cached_thousandths = lru_cache(_CACHED)(_thousandths)
