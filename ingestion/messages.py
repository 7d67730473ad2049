"""Kafka messages: bytes into rows, and rows into bytes.

A message is one JSON object; the header `casino_id` says whose it is. What can't be read is a Rejection with a stable
code: `no_casino`, `too_large`, `malformed`, `missing`, `wrong_type`, or one of `recommendations.rows`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from operator import methodcaller
from typing import Any

import msgspec
from django.conf import settings

from recommendations.errors import InvalidRow
from recommendations.rows import CouponRow, EventRow, Selection, UserRow
from recommendations.storing import Row

CASINO_HEADER = "casino_id"
_FIELD = re.compile(r"`\$\.?([^`]*)`|required field `([^`]*)`")
_MILLISECONDS_FROM = 100_000_000_000  # as Unix seconds this would be the year 5138

Time = str | float


class UserMessage(msgspec.Struct):
    name: str
    surname: str
    birth_year: int
    currency: str
    country: str
    gender: str
    timestamp: Time
    favorite_sport: str
    favorite_league: str = ""
    id: int | None = None


class EventMessage(msgspec.Struct):
    begin_timestamp: Time
    end_timestamp: Time
    country: str
    league: str
    home_team: str
    away_team: str
    sport: str
    odd: Decimal
    id: int | None = None


class SelectionMessage(msgspec.Struct):
    country: str
    league: str
    home_team: str
    away_team: str
    sport: str
    odd: Decimal
    event_id: int | None = None


class CouponMessage(msgspec.Struct):
    user_id: int
    stake: Decimal
    timestamp: Time
    recommended_events: list[SelectionMessage]
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message is in Kafka, and when it was sent (Unix milliseconds).

    The time tells it from the message that takes the same offset in a topic that is deleted and made again.
    """

    cluster: str
    topic: str
    partition: int
    offset: int
    sent_at: int

    def __str__(self) -> str:
        return f"{self.cluster}/{self.topic}/{self.partition}/{self.offset}@{self.sent_at}"


@dataclass(frozen=True, slots=True)
class Accepted:
    place: Place
    casino_id: int
    row: Row


@dataclass(frozen=True, slots=True)
class Rejection:
    place: Place
    casino_id: int | None
    code: str
    detail: str


Decode = Callable[[bytes, Place], Row]


def read_message(decode: Decode, message: Any, cluster: str) -> Accepted | Rejection:
    """A message of confluent_kafka's, as a row of its casino, or why it is none."""
    place = Place(cluster, message.topic(), message.partition(), message.offset(), message.timestamp()[1])
    casino_id = _casino_id(_headers(message))
    if casino_id is None:
        return Rejection(place, None, "no_casino", f"the header {CASINO_HEADER} must hold the casino's id, an integer")
    value = message.value() or b""
    if len(value) > settings.KAFKA_MESSAGE_BYTES:
        return Rejection(place, casino_id, "too_large", f"{len(value)} bytes; at most {settings.KAFKA_MESSAGE_BYTES}")
    try:
        return Accepted(place, casino_id, decode(value, place))
    except InvalidRow as error:
        return Rejection(place, casino_id, error.code, str(error))
    except msgspec.ValidationError as error:
        return Rejection(place, casino_id, *_explain(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Rejection(place, casino_id, "malformed", str(error))


def decode_user(value: bytes, place: Place) -> UserRow:
    message = msgspec.json.decode(value, type=UserMessage)
    return UserRow(**_fields(message, timestamp=_time("timestamp", message.timestamp)))


def decode_event(value: bytes, place: Place) -> EventRow:
    message = msgspec.json.decode(value, type=EventMessage)
    begin = _time("begin_timestamp", message.begin_timestamp)
    end = _time("end_timestamp", message.end_timestamp)
    return EventRow(**_fields(message, begin_timestamp=begin, end_timestamp=end))


def decode_coupon(value: bytes, place: Place) -> CouponRow:
    message = msgspec.json.decode(value, type=CouponMessage)
    selections = tuple(Selection(**_fields(selection)) for selection in message.recommended_events)
    timestamp = _time("timestamp", message.timestamp)
    return CouponRow(**_fields(message, recommended_events=selections, timestamp=timestamp), source=str(place))


def encode_row(row: Row) -> bytes:
    """The message that says what `row` says."""
    fields = msgspec.to_builtins(row, builtin_types=(Decimal,))
    fields.pop("source", None)
    return _ENCODER.encode({name: value for name, value in fields.items() if value is not None})


_HEADERS = methodcaller("headers")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _fields(message: msgspec.Struct, **changes: Any) -> dict[str, Any]:
    return msgspec.structs.asdict(message) | changes


def _headers(message: Any) -> list[tuple[str, bytes | None]] | None:
    """The headers; None if a name is no UTF-8.

    There confluent_kafka answers a broken list with an exception pending. A plain `message.headers()`, once Python has
    specialised it, would hand both on and crash the process; `methodcaller` looks, and raises SystemError.
    """
    try:
        return _HEADERS(message)  # type: ignore[no-any-return]
    except SystemError:
        return None


def _casino_id(headers: list[tuple[str, bytes | None]] | None) -> int | None:
    text = dict(headers or []).get(CASINO_HEADER) or b""
    return int(text) if text.isdigit() and len(text) < 19 else None


def _time(field: str, value: Time) -> datetime:
    """ISO 8601 (without a zone: UTC), or Unix seconds or milliseconds."""
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        return datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidRow("wrong_type", field, "must be a time: ISO 8601, or Unix seconds") from error


def _explain(error: msgspec.ValidationError) -> tuple[str, str]:
    match = _FIELD.search(str(error))
    code = "missing" if "missing required field" in str(error) else "wrong_type"
    field = next(filter(None, match.groups()), "message") if match else "message"
    return code, f"{field}: {error}"
