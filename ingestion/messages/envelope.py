"""Kafka messages as they came, with their place: what is decoded, and what dead letters and parked messages keep."""

from functools import lru_cache
from operator import methodcaller
from typing import Any

import msgspec

from tenants.ids import parse_id

CASINO_HEADER = "casino_id"
ORIGIN_HEADER = "replay.origin"  # the place of a message that is sent again

Headers = list[tuple[str, bytes | None]]

_HEADERS = methodcaller("headers")


class Place(msgspec.Struct, frozen=True):
    """Where a message is in Kafka, and when it was sent (Unix milliseconds).

    The time tells it from the message that takes the same offset in a topic that is deleted and made again; so does
    `topic_id`, where the broker gives one.
    """

    cluster: str
    topic: str
    partition: int
    offset: int
    sent_at: int
    topic_id: str = ""

    def __str__(self) -> str:
        return f"{self.cluster}/{self.topic}/{self.partition}/{self.offset}@{self.sent_at}"


class Envelope(msgspec.Struct):
    """A message as it came. `headers` is None where their names are no UTF-8; `casino_id` where they name no casino."""

    place: Place
    casino_id: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers | None

    @property
    def source(self) -> str:
        """Names the message once and for all, also where it was sent again."""
        origin = header(self.headers, ORIGIN_HEADER)
        return str(self.place) if origin is None else origin.decode(errors="replace")


def open_message(message: Any, cluster: str, topic_id: str) -> Envelope:
    """A message of confluent_kafka's."""
    headers = read_headers(message)
    place = Place(cluster, message.topic(), message.partition(), message.offset(), message.timestamp()[1], topic_id)
    return Envelope(place, _casino_id(headers), message.key(), message.value(), headers)


def pack(envelope: Envelope) -> bytes:
    return msgspec.msgpack.encode(envelope)


def unpack(packed: bytes) -> Envelope:
    return msgspec.msgpack.decode(packed, type=Envelope)


def read_headers(message: Any) -> Headers | None:
    """The headers; None if a name is no UTF-8.

    There confluent_kafka answers a broken list with an exception pending. A plain `message.headers()`, once Python has
    specialised it, would hand both on and crash the process; `methodcaller` looks, and raises SystemError.
    """
    try:
        return _HEADERS(message) or []
    except SystemError:
        return None


def header(headers: Headers | None, name: str) -> bytes | None:
    """The value of the last header of this name."""
    found = None
    for each, value in headers or ():
        if each == name:
            found = value
    return found


def _casino_id(headers: Headers | None) -> int | None:
    return _as_id(header(headers, CASINO_HEADER) or b"")


@lru_cache(4_096)
def _as_id(text: bytes) -> int | None:
    return parse_id(text.decode("latin-1"))
