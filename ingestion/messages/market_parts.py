"""Reads the markets of a message: keeps readable ones, and closes unreadable ones.

An outcome that has no usable odd, or is not open, is closed. An unreadable market is closed as a whole if its name and
line can be read; else all markets of the event are closed. A repeated market line is closed too. A market that is not
open needs no outcomes. The first problem is reported with its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from recommendations.errors import InvalidRow
from recommendations.models import MarketStatus
from recommendations.validation import status_words
from recommendations.validation.fields import MarketText, line_text, market_text
from recommendations.validation.markets import (
    ALL_MARKETS,
    CLOSED_ODD,
    MAX_MARKETS,
    Closing,
    MarketRow,
    OddsRow,
    UnreadMarket,
    scope_of,
)
from recommendations.validation.odds import OddFormat
from recommendations.validation.status_words import NO_WORDS, Words

from .outcome_parts import Outcome, outcome_names, read_thousandths
from .problems import problem_of


class Market(msgspec.Struct, gc=False):
    market: MarketText
    outcomes: list[Outcome] | UnsetType = UNSET
    line: MarketText | UnsetType | None = UNSET
    status: str | UnsetType | None = UNSET


class _Named(msgspec.Struct):
    """The readable part of an unreadable market."""

    market: MarketText
    line: MarketText | UnsetType | None = UNSET


_ITEMS = msgspec.json.Decoder(list[msgspec.Raw]).decode
_MARKET = msgspec.json.Decoder(Market).decode
_DECODE_NAMED = msgspec.json.Decoder(_Named).decode
_UNREADABLE = (InvalidRow, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(slots=True)
class ReadMarkets:
    """The readable markets, by the casino's `own_words` too, and the closings of the others. `unread` is the first
    problem, `unknown_word` a status that is none of the known words."""

    own_words: Words
    markets: list[MarketRow] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    unread: UnreadMarket | None = None
    unknown_word: str = ""
    lines: set[tuple[str, str]] = field(default_factory=set)

    def add(self, row: MarketRow) -> None:
        """Add a market. Raises InvalidRow for a repeated market line, since it is unknown which one counts."""
        line = row.market, row.line
        if line in self.lines:
            raise InvalidRow("inconsistent", "market", "occurs more than once with this line: send each line once")
        self.lines.add(line)
        self.markets.append(row)

    def note(self, error: Exception, place: str) -> None:
        if self.unread is None:
            code, name, detail = problem_of(error)
            inner = f"{place}.{name}".strip(".")
            self.unread = UnreadMarket(code, inner, f"{inner}: {detail}")

    def close_all(self, error: Exception, place: str) -> None:
        self.note(error, place)
        self.markets.clear()
        self.closings = [Closing(ALL_MARKETS)]


def read_markets(raw: bytes, odd_format: OddFormat, own_words: Words = NO_WORDS) -> ReadMarkets:
    """The markets of a message, a list in JSON."""
    try:
        items = _ITEMS(raw)
    except _UNREADABLE as error:
        found = ReadMarkets(own_words)
        found.close_all(error, "markets")
        return found
    return read_each(items, odd_format, own_words)


def read_each(
    markets: Sequence[Market | msgspec.Raw], odd_format: OddFormat, own_words: Words = NO_WORDS
) -> ReadMarkets:
    """The markets of a message. A market that may have a wrong type is undecoded."""
    found = ReadMarkets(own_words)
    if len(markets) > MAX_MARKETS:
        problem = f"lists {len(markets)}; must list at most {MAX_MARKETS}"
        found.close_all(InvalidRow("too_many", "markets", problem), "")
        return found
    for number, market in enumerate(markets):
        _read_market(market, number, odd_format, found)
    if any(closing.scope == ALL_MARKETS for closing in found.closings):
        found.markets.clear()
    return found


def event_odds(producer: str, read: ReadMarkets, as_of: datetime) -> OddsRow:
    """The markets in an event's message, which has all of the producer's markets."""
    return OddsRow(
        producer=producer,
        timestamp=as_of,
        markets=tuple(read.markets),
        closings=tuple(read.closings),
        is_complete=True,
        unread=read.unread,
        unknown_word=read.unknown_word,
    )


def _read_market(read: Market | msgspec.Raw, number: int, odd_format: OddFormat, found: ReadMarkets) -> None:
    try:
        given = read if isinstance(read, Market) else _MARKET(read)
        market, line = market_text("market", given.market), _line(given)
        status = MarketStatus.OPEN if given.status is UNSET else _status(given.status, f"markets[{number}]", found)
        outcomes = [] if isinstance(given.outcomes, UnsetType) else given.outcomes
        if not outcomes and status != MarketStatus.OPEN:
            found.closings.append(Closing(scope_of(market, line), status))
            return
        names, odds = outcome_names(outcomes), _odds(outcomes, number, odd_format, found)
        found.add(MarketRow(market, line, status, names, odds))
    except _UNREADABLE as error:
        found.note(error, f"markets[{number}]")
        found.closings.append(_closing_of(read))


def _line(given: Market | _Named) -> str:
    return "" if isinstance(given.line, UnsetType) else line_text("line", given.line)


def _closing_of(market: Market | msgspec.Raw) -> Closing:
    """The closing of an unreadable market: the market alone if its name and line are known, else all markets."""
    try:
        named = market if isinstance(market, Market) else _DECODE_NAMED(market)
        return Closing(scope_of(market_text("market", named.market), _line(named)))
    except _UNREADABLE:
        return Closing(ALL_MARKETS)


def _odds(outcomes: Sequence[Outcome], market: int, odd_format: OddFormat, found: ReadMarkets) -> tuple[int, ...]:
    """The odds in thousandths, 0 for a closed outcome."""
    odds: list[int] = []
    for number, given in enumerate(outcomes):
        odd: int | InvalidRow = CLOSED_ODD
        is_open = given.status is UNSET or _is_open(given.status, market, number, found)
        if is_open and given.odd is not UNSET:
            odd = read_thousandths(bytes(given.odd), odd_format)
        if isinstance(odd, InvalidRow):
            found.note(odd, f"markets[{market}].outcomes[{number}]")
            odds.append(CLOSED_ODD)
        else:
            odds.append(odd)
    return tuple(odds)


def _is_open(word: str | UnsetType | None, market: int, number: int, found: ReadMarkets) -> bool:
    return _status(word, f"markets[{market}].outcomes[{number}]", found) == MarketStatus.OPEN


def _status(word: str | UnsetType | None, place: str, found: ReadMarkets) -> str:
    """The status; CLOSED for an unknown word."""
    if word is None or isinstance(word, UnsetType):
        return MarketStatus.OPEN
    try:
        return status_words.market_status(word, found.own_words)
    except InvalidRow as error:
        found.unknown_word = word
        found.note(error, place)
        return MarketStatus.CLOSED
