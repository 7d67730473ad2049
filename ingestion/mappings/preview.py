"""Shows the messages that a mapping makes of a sample: their fields, their missing fields, and the result of
validation."""

from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import Any

import msgspec
from msgspec import UNSET

from ingestion.messages.decoding import Partial, Rejection, TimeBounds
from ingestion.messages.envelope import CASINO_HEADER, Envelope, FilePlace, Place
from ingestion.messages.reading import Several, SingleContent, odds_row_of
from ingestion.topics import TOPICS, Topic
from recommendations.models import MarketStatus
from recommendations.storing import Result
from recommendations.validation.fields import SEPARATOR
from recommendations.validation.markets import MarketRow
from recommendations.validation.rows import Removal
from recommendations.validation.status_words import Words

from .apply import MappedMessage, map_document
from .documents import row_lines
from .errors import UnreadableDocument
from .format import Mapping
from .reading import read_mapped
from .values import UNREADABLE

ACCEPTED, PARTIAL, REMOVES = "accepted", "partial", "removes"
IN_PART = Result.STORED_IN_PART.value
_SHOWN_CHANGES = ("status", "status_until", "is_withheld", "stake_limit", "limit_left", "personalisation")


class PreviewedMessage(msgspec.Struct, frozen=True):
    """One message of a sample, and its `place` there.

    `result` is a rejection's code, with `detail`; `partial` if the message changes a stored row and makes no new one;
    `stored_in_part` if some of its markets can't be read; or `accepted` or `removes`. `left_out` are the fields of a
    full message that it lacks. `restricts` are the closings and restrictions of a rejected message. `markets` are its
    markets, one per line of text.
    """

    place: FilePlace
    result: str
    detail: str
    fields: dict[str, Any]
    left_out: tuple[str, ...]
    unreadable: dict[str, str]
    restricts: dict[str, Any]
    markets: tuple[str, ...] = ()


_FIRST = FilePlace(message=1)


def preview(
    mapping: Mapping,
    raw: bytes | None,
    *,
    key: bytes | None,
    bounds: TimeBounds,
    own_words: Words,
    first: FilePlace = _FIRST,
) -> list[PreviewedMessage]:
    """The messages of one document, read as the consumer reads them. `first` is the place of the first message."""
    topic = TOPICS[mapping.messages]
    envelope = Envelope(Place("", topic.name, 0, 0, 0), 1, key, raw, [(CASINO_HEADER, b"1")])
    content = read_mapped(mapping, topic, envelope, bounds, own_words)
    contents = content.contents if isinstance(content, Several) else (content,)
    places = islice(_places(mapping, raw, first), len(contents))
    mapped = _mapped(mapping, raw, len(contents))
    return [_previewed(topic, *each) for each in zip(places, contents, mapped, strict=True)]


def _places(mapping: Mapping, raw: bytes | None, first: FilePlace) -> Iterator[FilePlace]:
    """The places of a document's messages, as in an import of the file."""
    if mapping.source.kind == "csv" and raw is not None and not first.line:
        yield from (FilePlace(line=line) for line in row_lines(mapping.source, raw))
    if first.line:
        yield from (FilePlace(line=first.line, item=number if mapping.each else 0) for number in count(1))
    yield from (FilePlace(message=number) for number in count(first.message))


def _mapped(mapping: Mapping, raw: bytes | None, number: int) -> Iterable[MappedMessage]:
    nothing = [MappedMessage(None, {})] * number
    try:
        return nothing if raw is None else map_document(mapping, raw)
    except UnreadableDocument:
        return nothing


def _previewed(topic: Topic, place: FilePlace, content: SingleContent, message: MappedMessage) -> PreviewedMessage:
    fields = msgspec.json.decode(message.value) if message.value is not None else {}
    full = [each.encode_name for each in msgspec.structs.fields(topic.message) if each.required]
    result, detail = _result(content)
    return PreviewedMessage(
        place=place,
        result=result,
        detail=detail,
        fields={name: value for name, value in fields.items() if value != UNREADABLE},
        left_out=tuple(name for name in full if name not in fields) if fields else (),
        unreadable=message.problems,
        restricts=_restrictions(content),
        markets=tuple(_markets(content)),
    )


def _result(content: SingleContent) -> tuple[str, str]:
    if isinstance(content, Rejection):
        return content.code, content.detail
    odds = odds_row_of(content)
    if odds is not None and odds.unread is not None:
        return IN_PART, odds.unread.detail
    if isinstance(content, Partial) and not content.change.makes_row:
        return PARTIAL, f"changes a stored row; a new one is rejected: {content.unless_stored.detail}"
    return (REMOVES, f"removes the row {content.id}") if isinstance(content, Removal) else (ACCEPTED, "")


def _restrictions(content: SingleContent) -> dict[str, Any]:
    """The stored closings and restrictions of a rejected message, or of one without a usable price."""
    changes = content.changes if isinstance(content, Rejection) else ()
    if isinstance(content, Partial) and content.change.is_withheld is True and odds_row_of(content) is None:
        changes = (content.change,)
    found = {name: getattr(change, name, UNSET) for change in changes for name in _SHOWN_CHANGES}
    return {name: value for name, value in found.items() if value is not UNSET and value is not None}


def _markets(content: SingleContent) -> Iterator[str]:
    """Each market in its stored form, then the closings."""
    odds = odds_row_of(content)
    rows = content.closed_odds if isinstance(content, Rejection) else () if odds is None else (odds,)
    for row in rows:
        yield from map(_market, row.markets)
        for closing in row.closings:
            scope = closing.scope.replace(SEPARATOR, " ").strip() or "all markets of the event"
            yield f"{scope}: {closing.status}"
        if row.heard is not None and row.heard.loses_prices:
            yield "all earlier prices of the feed: closed until they are sent again"


def _market(market: MarketRow) -> str:
    prices = zip(market.outcomes, market.odds, strict=True)
    outcomes = ", ".join(f"{name} {f'{odd / 1_000:g}' if odd else 'closed'}" for name, odd in prices)
    name = f"{market.market} {market.line}".rstrip()
    return f"{name}: {outcomes}" if market.status == MarketStatus.OPEN else f"{name} {market.status}: {outcomes}"
