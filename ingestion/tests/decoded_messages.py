"""Envelopes and decoded messages, without a broker."""

from typing import Any

import msgspec

from ingestion.messages.decoding import TimeBounds
from ingestion.messages.envelope import CASINO_HEADER, Envelope, Headers, Place
from ingestion.messages.reading import Content, DecodedMessage, read_message
from ingestion.topics import Topic

from .kafka_client import NOW

SENT_AT = 1_760_000_000_000  # Unix milliseconds, in October 2025


def body_of(value: Any) -> bytes | None:
    """Bytes and None unchanged, any other value as JSON."""
    return value if value is None or isinstance(value, bytes) else msgspec.json.encode(value)


def envelope_of(
    topic: Topic,
    value: Any,
    *,
    casino: int | None = 1,
    offset: int = 0,
    partition: int = 0,
    sent_at: int = SENT_AT,
    key: bytes | None = None,
    cluster: str = "here",
    topic_id: str = "",
) -> Envelope:
    headers: Headers = [] if casino is None else [(CASINO_HEADER, str(casino).encode())]
    place = Place(cluster, topic.name, partition, offset, sent_at, topic_id)
    return Envelope(place, casino, key, body_of(value), headers)


def decoded_message(topic: Topic, value: Any, **changes: Any) -> DecodedMessage:
    envelope = envelope_of(topic, value, **changes)
    return DecodedMessage(envelope, read(topic, envelope))


def decoded_messages(topic: Topic, *values: Any, first: int = 0, **changes: Any) -> list[DecodedMessage]:
    """Messages of one partition, from offset `first` on."""
    return [decoded_message(topic, value, offset=offset, **changes) for offset, value in enumerate(values, start=first)]


def read(topic: Topic, envelope: Envelope) -> Content:
    return read_message(topic.decode, topic.partial, envelope, TimeBounds.at(NOW))
