"""Reads a message by its casino's mapping: one message of a feed has one or several contents."""

import logging
from collections.abc import Sequence

import msgspec

from ingestion.messages.decoding import Rejection, TimeBounds
from ingestion.messages.envelope import ORIGIN_HEADER, Envelope
from ingestion.messages.named_users import named_user
from ingestion.messages.reading import (
    Content,
    Several,
    SingleContent,
    read_message,
    removed_as_of,
    unknown_word_of,
    with_problems,
)
from ingestion.topics import Topic
from recommendations.validation.settings_limits import limits
from recommendations.validation.status_words import NO_WORDS, Words

from .apply import MappedMessage, map_document, map_key
from .documents import read_json
from .errors import UnreadableDocument
from .format import Mapping

logger = logging.getLogger(__name__)

_NO_JSON = b"{"  # no decoder accepts it: the row in the message's key is withheld


def read_mapped(
    mapping: Mapping, topic: Topic, envelope: Envelope, bounds: TimeBounds, own_words: Words = NO_WORDS
) -> Content:
    """The message's content by the mapping; `Several` unless its document has exactly one item."""
    envelope = msgspec.structs.replace(envelope, key=_row_key(mapping, envelope))
    try:
        messages = _messages_of(mapping, envelope)
    except UnreadableDocument as error:
        return _rejected(topic, envelope, bounds, error)
    except Exception as error:  # one message must not end the process
        logger.exception("Internal error: the message %s can't be mapped", envelope.place)
        text = f"an error of this program, {type(error).__name__}: see the log"
        return _rejected(topic, envelope, bounds, UnreadableDocument("undecodable", text))
    contents = read_messages(topic, envelope, messages, bounds, own_words)
    return contents[0] if len(contents) == 1 else Several(tuple(contents))


def read_messages(
    topic: Topic, envelope: Envelope, messages: Sequence[MappedMessage], bounds: TimeBounds, own_words: Words = NO_WORDS
) -> list[SingleContent]:
    """The contents of a document's messages, each validated like any message. The envelope's key is used if there is
    only one message."""
    key = envelope.key if len(messages) == 1 else None
    contents = []
    for number, message in enumerate(messages):
        inner = Envelope(
            envelope.place,
            envelope.casino_id,
            _key(message.row_id) if message.row_id else key,
            message.value,
            _headers(envelope, number),
        )
        content = read_message(topic.decode, topic.partial, inner, bounds, own_words)
        content = removed_as_of(content, message.removed_at, inner, bounds)
        contents.append(with_problems(content, message.problems, named_user(topic.message, inner)))
    return contents


def unknown_words(content: Content) -> list[str]:
    """The unknown words for a status, which may be the casino's own."""
    parts = content.contents if isinstance(content, Several) else (content,)
    return [word for word in map(unknown_word_of, parts) if word]


def _messages_of(mapping: Mapping, envelope: Envelope) -> list[MappedMessage]:
    value = envelope.value
    if value is None:  # a tombstone of the row with this key
        return [MappedMessage(None, {})]
    if len(value) > limits.message_bytes:
        text = f"the value has {len(value)} bytes: send at most {limits.message_bytes}"
        raise UnreadableDocument("too_large", text)
    return map_document(mapping, value)


def _row_key(mapping: Mapping, envelope: Envelope) -> bytes | None:
    """The row's id in a key that is an object, or None if it can't be read; any other key unchanged."""
    if mapping.key is None or not envelope.key:
        return envelope.key
    try:
        key = read_json(envelope.key)
    except (ValueError, RecursionError):
        return None if envelope.key.lstrip().startswith(b"{") else envelope.key
    if not isinstance(key, dict):
        return envelope.key
    row_id = map_key(mapping, key)
    return None if row_id is None else _key(row_id)


def _key(row_id: str) -> bytes:
    """The id as JSON text: without quotes, eight bytes could be a number."""
    return msgspec.json.encode(row_id)


def _headers(envelope: Envelope, number: int) -> list[tuple[str, bytes | None]] | None:
    """The headers of a document's message. Each message after the first has its own place, which identifies a coupon
    without an id."""
    source = envelope.source
    if not number or not source:
        return envelope.headers
    place, at, sent = source.rpartition("@")
    origin = f"{place}.{number}@{sent}" if at else f"{source}.{number}"
    others = [each for each in envelope.headers or () if each[0] != ORIGIN_HEADER]
    return [*others, (ORIGIN_HEADER, origin.encode())]


def _rejected(topic: Topic, envelope: Envelope, bounds: TimeBounds, error: UnreadableDocument) -> SingleContent:
    """The rejection of an unreadable document; the row in the message's key is withheld."""
    damaged = msgspec.structs.replace(envelope, value=envelope.value and _NO_JSON)  # an empty value: lost messages
    content = read_message(topic.decode, topic.partial, damaged, bounds)
    if not isinstance(content, Rejection) or content.code != "malformed":
        return content
    return msgspec.structs.replace(content, code=error.code, field="", detail=str(error), named_users=())
