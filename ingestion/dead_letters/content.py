"""The columns of a dead letter from a rejected message, and the message from a stored dead letter."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from ingestion.messages.envelope import REPLAYS_HEADER, Envelope, Headers, Place, casino_id_of, header
from ingestion.messages.results import MessageResult
from ingestion.topics import Topic
from tenants.models.dead_letter import DeadLetterColumns
from tenants.numbers import parse_whole_number

from .users import users_in

_PLACE = re.compile(
    r"(?P<cluster>.*)/(?P<topic>[^/]+)/(?P<partition>\d{1,9})/(?P<offset>\d{1,18})@(?P<sent_at>\d{1,15})"
)
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")  # characters that no PostgreSQL text can have
_MAX_REPLAYS = 2**31 - 1


def columns_of(topic: Topic, result: MessageResult, now: datetime) -> dict[str, Any]:
    """The columns of a rejected message's dead letter."""
    envelope, rejection = result.envelope, result.rejection
    if rejection is None:
        raise ValueError(f"The message {envelope.place} is not rejected, so it is no dead letter.")
    headers = None if envelope.headers is None else msgspec.json.encode(envelope.headers).decode()
    users = users_in(topic, envelope, rejection) if result.user_ids is None else result.user_ids
    return {
        "topic": topic.name,
        "partition": envelope.place.partition,
        "place": envelope.place.source or f"{envelope.place}#{uuid4()}",
        "sent_at": _sent_at(envelope, now),
        "key": envelope.key,
        "value": envelope.value,
        "headers": headers,
        "size": len(envelope.value or b"") + len(envelope.key or b"") + len(headers or ""),
        "user_id": next(iter(users), None),
        "other_user_ids": [*users[1:]] or None,
        "reason": rejection.code,
        "field": as_text(rejection.field),
        "detail": as_text(rejection.detail),
        "sqlstate": rejection.sqlstate,
        "attempts": rejection.attempts,
        "replays": replay_count(envelope),
        "rejected_at": now,
    }


def envelope_of(letter: DeadLetterColumns) -> Envelope:
    """The message of a dead letter that is not purged."""
    headers: Headers | None = None
    if letter.headers is not None:
        headers = msgspec.json.decode(letter.headers, type=list[tuple[str, bytes | None]])
    return Envelope(place_of(letter), casino_id_of(headers), _bytes(letter.key), _bytes(letter.value), headers)


def place_of(letter: DeadLetterColumns) -> Place:
    return parse_place(letter.place) or Place("", letter.topic, letter.partition, 0, _milliseconds(letter.sent_at))


def parse_place(text: str) -> Place | None:
    """The place in Kafka whose `str` is `text`; None for any other text."""
    found = _PLACE.fullmatch(text)
    if found is None:
        return None
    cluster, topic, *numbers = found.groups()
    partition, offset, sent_at = map(int, numbers)
    return Place(cluster, topic, partition, offset, sent_at)


def replay_count(envelope: Envelope) -> int:
    """The number of the message's replays."""
    text = (header(envelope.headers, REPLAYS_HEADER) or b"").decode("latin-1")
    return parse_whole_number(text, 0, _MAX_REPLAYS) or 0


def readable(value: bytes | memoryview | None) -> str | None:
    """Printable text unchanged, other bytes in Python's notation."""
    if value is None:
        return None
    content = bytes(value)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return repr(content)
    return text if text.isprintable() else repr(content)


def as_text(text: str) -> str:
    """The text with a replacement for each character that PostgreSQL can't store."""
    return _NO_TEXT.sub("\ufffd", text)


def _sent_at(envelope: Envelope, now: datetime) -> datetime:
    sent_at = envelope.sent_at
    return datetime.fromtimestamp(sent_at / 1_000, UTC) if 0 < sent_at < _milliseconds(now) else now


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1_000)


def _bytes(content: Any) -> bytes | None:
    return None if content is None else bytes(content)
