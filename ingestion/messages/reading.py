"""Reads a Kafka message: as a complete row; else field by field, as the change of a stored row."""

import logging
from collections.abc import Callable, Mapping

import msgspec

from recommendations.errors import InvalidRow
from recommendations.validation.changes import Change, EventChange
from recommendations.validation.markets import OddsRow, UnreadMarket
from recommendations.validation.rows import AnyRow, CouponRow, EventRow, Removal
from recommendations.validation.status_words import NO_WORDS, Words

from .decoding import Decode, Partial, Rejection, TimeBounds, decode_message, not_ahead, time_in_json
from .envelope import Envelope, without_byte_order_mark
from .field_by_field import read_field_by_field
from .lost import name_lost
from .partial_formats import PartialFormat

logger = logging.getLogger(__name__)

CloseUnread = Callable[[Envelope, TimeBounds, Rejection], Rejection]  # adds what a rejected message closes
SingleContent = AnyRow | Removal | Partial | Rejection
UNMAPPED = "unmapped"
_WITHOUT_CASINO = frozenset({"no_casino", "ambiguous_header"})


class Several(msgspec.Struct):
    """The contents of a message that a mapping reads as a list, which may be empty."""

    contents: tuple[SingleContent, ...]


Content = SingleContent | Several


class Unwanted(msgspec.Struct):
    """A message about a sport, currency, .. that its casino does not offer: `note` names it; `changes` are those of a
    stored row."""

    note: str
    changes: tuple[Change, ...]


class DecodedMessage(msgspec.Struct, gc=False):
    """A message with its decoded row, the change of a stored row, or the reason why it is rejected or skipped."""

    envelope: Envelope
    content: Content | Unwanted

    @property
    def rejection(self) -> Rejection | None:
        """The rejection of the message, or of the first rejected one of several."""
        content = self.content
        if isinstance(content, Several):
            return next((each for each in content.contents if isinstance(each, Rejection)), None)
        return content if isinstance(content, Rejection) else None

    @property
    def rows(self) -> tuple[AnyRow | Change | Removal, ...]:
        """The rows and changes to store: those of a rejected message are its closings and restrictions. Several are
        stored one by one (`storing/several.py`)."""
        content = self.content
        if isinstance(content, CouponRow):  # most messages are
            return (content,)
        if isinstance(content, Rejection):
            return content.closed_odds or content.changes
        if isinstance(content, Unwanted):
            return content.changes
        if isinstance(content, Several):
            return ()
        return (content.change if isinstance(content, Partial) else content,)


def read_message(
    decode: Decode,
    partial: PartialFormat | CloseUnread | None,
    envelope: Envelope,
    bounds: TimeBounds,
    own_words: Words = NO_WORDS,
) -> SingleContent:
    """The message's row, the change of a stored one, or the reason for its rejection with its closings and
    restrictions.

    `partial` is None for topics whose messages are always complete; `own_words` are the casino's words
    for a status.
    """
    envelope = without_byte_order_mark(envelope)
    content = decode_message(decode, envelope, bounds)
    if not isinstance(content, Rejection) or content.code in _WITHOUT_CASINO:
        return content
    content = name_lost(envelope, content)
    if partial is None or envelope.value is None:
        return content
    try:
        if not isinstance(partial, PartialFormat):
            return partial(envelope, bounds, content)
        return read_field_by_field(partial, envelope, bounds, content, own_words)
    except Exception:  # no single message ends the process
        logger.exception("An error of this program: the message %s can't be read field by field", envelope.place)
        return content


def with_problems(content: SingleContent, problems: Mapping[str, str], named: tuple[str, ...] = ()) -> SingleContent:
    """Of a message that a mapping made: record the users whom a rejected one names, and why the mapping could not read
    a field, not that the decoder could not."""
    if not isinstance(content, Rejection):
        return _stored_in_part(content, problems) if problems else content
    content = msgspec.structs.replace(content, named_users=named)
    if not problems:
        return content
    field = content.field if content.field in problems else next(iter(problems))
    return msgspec.structs.replace(content, code=UNMAPPED, field=field, detail=problems[field])


def _stored_in_part(content: SingleContent, problems: Mapping[str, str]) -> SingleContent:
    """With the mapping's problem, where a market could not be read."""
    odds = told_markets(content)
    if odds is not None and odds.unread is not None:
        field = odds.unread.field if odds.unread.field in problems else next(iter(problems))
        odds.unread = UnreadMarket(UNMAPPED, field, problems[field])
    return content


def told_markets(content: object) -> OddsRow | None:
    """What a message that can be read says about markets: one of odds, or an event or its change."""
    row = content.change if isinstance(content, Partial) else content
    told = row.markets if isinstance(row, EventRow | EventChange) else row
    return told if isinstance(told, OddsRow) else None


def unknown_word_of(content: Content | Unwanted) -> str:
    """The unknown word for a status in a single content; empty for none."""
    if isinstance(content, Rejection):
        return content.unknown_word
    told = told_markets(content)
    return "" if told is None else told.unknown_word


def removed_as_of(content: SingleContent, told: bytes, envelope: Envelope, bounds: TimeBounds) -> SingleContent:
    """Of a removal that a mapping made: as of the time in the document (JSON; empty for none), at the latest that of
    sending, which also counts where the time can't be read."""
    if not told or not isinstance(content, Removal):
        return content
    try:
        time = not_ahead(time_in_json("timestamp", told, bounds.past), envelope, bounds)
        return Removal(id=content.id, timestamp=min(time, content.timestamp))
    except (InvalidRow, msgspec.DecodeError):
        return content
