"""Undecoded messages with their place, which dead letters and parked messages contain too."""

import re
from enum import StrEnum
from functools import lru_cache
from operator import methodcaller
from typing import Any, Self

import msgspec

from tenants.numbers import parse_id

CASINO_HEADER = "casino_id"
ORIGIN_HEADER = "replay.origin"  # the original place of a replayed message
REPLAYS_HEADER = "replay.count"

Headers = list[tuple[str, bytes | None]]

_ID_BYTES = 40  # the greatest id has 19; longer texts would fill the cache
# Digits, optionally in quotes, as JSON serializers write text, and with blanks around them.
_QUOTED_ID = re.compile(rb'\s*("?)([0-9]+)\1\s*')

_HEADERS = methodcaller("headers")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Transport(StrEnum):
    """The way of a message into the service."""

    KAFKA = "kafka"
    HTTP = "http"
    FILE = "file"


# Parked messages and dead letters keep the name that the first release wrote into them.
class Place(msgspec.Struct, frozen=True, omit_defaults=True, rename={"transport": "door"}):
    """The origin of a message, and its sending time (Unix milliseconds; 0: unknown).

    For Kafka the cluster, topic, partition and offset; time and `topic_id` (empty if the broker has none) distinguish
    the message from one with the same offset in a recreated topic. For a request or a file, `topic` is the topic of
    such messages, `topic_id` identifies the upload (empty for a request that can't be repeated), and `offset` is the
    number of the item or line.
    """

    cluster: str
    topic: str
    partition: int
    offset: int
    sent_at: int
    topic_id: str = ""
    transport: Transport = Transport.KAFKA

    @classmethod
    def in_upload(cls, transport: Transport, topic: str, upload: str, number: int) -> Self:
        return cls("", topic, 0, number, 0, upload, transport)

    @property
    def source(self) -> str:
        """Identifies the message for each delivery; empty for a message that can't be identified."""
        return str(self) if self.transport is Transport.KAFKA or self.topic_id else ""

    def __str__(self) -> str:
        if self.transport is Transport.KAFKA:
            return f"{self.cluster}/{self.topic}/{self.partition}/{self.offset}@{self.sent_at}"
        return f"{self.transport}:{self.topic}/{self.topic_id}/{self.offset}"


class FilePlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message's place in its file: the `line`, and the item's number if a line may have several items; or the number
    of the `message` in a file without such lines, such as a JSON document. All count from 1; 0: not applicable."""

    line: int = 0
    item: int = 0
    message: int = 0

    def __str__(self) -> str:
        if not self.line:
            return f"message {self.message}"
        return f"line {self.line}, item {self.item}" if self.item else f"line {self.line}"


class Envelope(msgspec.Struct, gc=False):
    """An undecoded message. `headers` is None if a name is not UTF-8; `casino_id` is None if its header is missing,
    invalid or repeated."""

    place: Place
    casino_id: int | None
    key: bytes | None
    value: bytes | None
    headers: Headers | None

    @property
    def source(self) -> str:
        """Identifies the message, also after a replay; empty for a message that can't be identified."""
        origin = header(self.headers, ORIGIN_HEADER)
        return self.place.source if origin is None else origin.decode(errors="replace")

    @property
    def sent_at(self) -> int:
        """The time of the first sending, also after a replay (Unix milliseconds)."""
        origin = header(self.headers, ORIGIN_HEADER)
        first = None if origin is None else parse_id(origin.rpartition(b"@")[2].decode("latin-1"))
        return self.place.sent_at if first is None else min(first, self.place.sent_at)


def open_message(message: Any, cluster: str, topic_id: str) -> Envelope:
    """The envelope of a confluent_kafka message."""
    headers = read_headers(message)
    place = Place(cluster, message.topic(), message.partition(), message.offset(), message.timestamp()[1], topic_id)
    return Envelope(place, casino_id_of(headers), message.key(), message.value(), headers)


def without_byte_order_mark(envelope: Envelope) -> Envelope:
    value = envelope.value
    if value is None or not value.startswith(_BYTE_ORDER_MARK):
        return envelope
    return msgspec.structs.replace(envelope, value=value.removeprefix(_BYTE_ORDER_MARK))


def pack(envelope: Envelope) -> bytes:
    return msgspec.msgpack.encode(envelope)


def unpack(packed: bytes) -> Envelope:
    return msgspec.msgpack.decode(packed, type=Envelope)


def read_headers(message: Any) -> Headers | None:
    """The message's headers; None if a name is not UTF-8.

    For such a name, confluent_kafka returns a broken list with an exception pending. A plain `message.headers()`, once
    specialised by Python, would crash the process; through `methodcaller` it raises SystemError.
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


def casino_id_of(headers: Headers | None) -> int | None:
    """The casino's id; None unless exactly one header has a valid one."""
    values = [value for name, value in headers or () if name == CASINO_HEADER]
    text = values[0] or b"" if len(values) == 1 else b""
    return _parse_id(text) if len(text) <= _ID_BYTES else None


def repeated_header(headers: Headers | None) -> str:
    """The name of a repeated header that must be unique; empty if there is none."""
    names = [name for name, _ in headers or ()]
    return next((name for name in (CASINO_HEADER, ORIGIN_HEADER, REPLAYS_HEADER) if names.count(name) > 1), "")


@lru_cache(4_096)
def _parse_id(text: bytes) -> int | None:
    found = _QUOTED_ID.fullmatch(text)
    return None if found is None else parse_id(found[2].decode())
