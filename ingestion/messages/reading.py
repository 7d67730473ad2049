"""Reads a Kafka message: as a complete row, or else field by field, as the change of a stored row."""

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

CloseUnread = Callable[[Envelope, TimeBounds, Rejection], Rejection]  # adds the closings of a rejected message
SingleContent = AnyRow | Removal | Partial | Rejection
UNMAPPED = "unmapped"
_WITHOUT_CASINO = frozenset({"no_casino", "ambiguous_header"})


class Several(msgspec.Struct):
    """The contents of a message that a mapping reads as a list, which may be empty."""

    contents: tuple[SingleContent, ...]


Content = SingleContent | Several


class Unwanted(msgspec.Struct):
    """A message about a sport, currency, .. that its casino does not offer. `note` names the value; `changes` apply to
    a stored row."""

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
        """The rows and changes to store: for a rejected message its closings and restrictions. The contents of a
        `Several` are stored one by one (`storing/several.py`)."""
        content = self.content
        if isinstance(content, CouponRow):  # the case of most messages
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
    """The message's row, the change of a stored row, or the reason for its rejection with its closings and
    restrictions.

    `partial` is None for topics whose messages are always complete; `own_words` are the casino's words for a status.
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
    except Exception:  # one message must not end the process
        logger.exception("Internal error: the message %s can't be read field by field", envelope.place)
        return content


def with_problems(content: SingleContent, problems: Mapping[str, str], named: tuple[str, ...] = ()) -> SingleContent:
    """The content of a mapped message. A rejection gets the users in the document, and the mapping's reason for an
    unreadable field instead of the decoder's."""
    if not isinstance(content, Rejection):
        return _stored_in_part(content, problems) if problems else content
    content = msgspec.structs.replace(content, named_users=named)
    if not problems:
        return content
    field = content.field if content.field in problems else next(iter(problems))
    return msgspec.structs.replace(content, code=UNMAPPED, field=field, detail=problems[field])


def _stored_in_part(content: SingleContent, problems: Mapping[str, str]) -> SingleContent:
    """The content, with the mapping's reason for an unreadable market."""
    odds = odds_row_of(content)
    if odds is not None and odds.unread is not None:
        field = odds.unread.field if odds.unread.field in problems else next(iter(problems))
        odds.unread = UnreadMarket(UNMAPPED, field, problems[field])
    return content


def odds_row_of(content: object) -> OddsRow | None:
    """The markets of a readable message: of odds, an event, or an event's change. None without markets."""
    row = content.change if isinstance(content, Partial) else content
    odds = row.markets if isinstance(row, EventRow | EventChange) else row
    return odds if isinstance(odds, OddsRow) else None


def unknown_word_of(content: Content | Unwanted) -> str:
    """The unknown word for a status in a single content; empty if there is none."""
    if isinstance(content, Rejection):
        return content.unknown_word
    odds = odds_row_of(content)
    return "" if odds is None else odds.unknown_word


def removed_as_of(content: SingleContent, given_time: bytes, envelope: Envelope, bounds: TimeBounds) -> SingleContent:
    """A mapped removal with its time: the time in the document (JSON), at the latest the sending time. An empty or
    unreadable time becomes the sending time."""
    if not given_time or not isinstance(content, Removal):
        return content
    try:
        time = not_ahead(time_in_json("timestamp", given_time, bounds.past), envelope, bounds)
        return Removal(id=content.id, timestamp=min(time, content.timestamp))
    except (InvalidRow, msgspec.DecodeError):
        return content
