"""Reads the topics `<topic>.dead` in which earlier releases had their dead letters.

A dead letter had its place and reason in headers; replaying or purging appended a closing record, whose value lists the
offsets of the closed dead letters.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingestion.kafka.partition_reader import read_partition
from ingestion.kafka.watermarks import watermarks
from ingestion.messages.decoding import Rejection
from ingestion.messages.envelope import Envelope, Place, header, open_message
from ingestion.messages.results import MessageResult
from ingestion.topics import Topic
from tenants.models.dead_letter import DeadLetterState
from tenants.numbers import parse_whole_number

from .content import as_text, columns_of, parse_place

_PREFIX = "dead."
_CLOSING, _PLACE = f"{_PREFIX}mark", f"{_PREFIX}place"
_MAX_PLACE = 500
_MAX_ATTEMPTS = 1_000


def name_of(topic: Topic) -> str:
    return f"{topic.name}.dead"


def is_letter(envelope: Envelope) -> bool:
    """Whether the message is a dead letter: consumers added a place to each."""
    return header(envelope.headers, _PLACE) is not None


def is_closing_record(envelope: Envelope) -> bool:
    return not is_letter(envelope) and header(envelope.headers, _CLOSING) is not None


def unread(topic: Topic, done: dict[int, int]) -> dict[int, tuple[int, int]]:
    """Partition -> (first, end) of the offsets that are not imported yet."""
    ranges = {
        partition: (max(first, done.get(partition, 0)), end)
        for partition, (first, end, _) in watermarks(name_of(topic)).items()
    }
    return {partition: (first, end) for partition, (first, end) in ranges.items() if first < end}


def closed_offsets(topic: Topic, partition: int, first: int, end: int) -> dict[int, DeadLetterState]:
    """Offset -> state of the dead letters that the closing records in this range list."""
    found: dict[int, DeadLetterState] = {}
    for batch in read_partition(name_of(topic), partition, first, end):
        for message in batch:
            envelope = open_message(message, "", "")
            if not is_letter(envelope):
                found.update(_closed_by(envelope))
    return found


def _closed_by(envelope: Envelope) -> Iterator[tuple[int, DeadLetterState]]:
    """The offsets in a closing record with their state; nothing for any other message."""
    try:
        state = DeadLetterState((header(envelope.headers, _CLOSING) or b"").decode())
        offsets = msgspec.json.decode(envelope.value or b"", type=list[int])
    except (ValueError, msgspec.MsgspecError):
        return
    yield from ((offset, state) for offset in offsets)


def columns_of_letter(topic: Topic, envelope: Envelope, now: datetime) -> dict[str, Any]:
    """The columns of a dead letter; an unreadable time becomes `now`."""

    def text_of(name: str) -> str:
        return as_text((header(envelope.headers, f"{_PREFIX}{name}") or b"").decode(errors="replace"))

    place = text_of("place")[:_MAX_PLACE]
    attempts = parse_whole_number(text_of("attempts"), 1, _MAX_ATTEMPTS) or 1
    rejection = Rejection(
        text_of("reason")[:30], text_of("field"), text_of("detail"), text_of("sqlstate")[:5], attempts
    )
    at = _time_of(text_of("at")) or now
    columns = columns_of(topic, MessageResult.reject(_original(envelope, place), rejection), at)
    return columns | {"place": place}


def _original(envelope: Envelope, place: str) -> Envelope:
    """The rejected message, at its own place or, if that is unreadable, at the dead letter's."""
    own: Place = parse_place(place) or envelope.place
    is_unreadable = header(envelope.headers, f"{_PREFIX}headers") == b"unreadable"
    headers = [each for each in envelope.headers or () if not each[0].startswith(_PREFIX)]
    return Envelope(own, envelope.casino_id, envelope.key, envelope.value, None if is_unreadable else headers)


def _time_of(text: str) -> datetime | None:
    """The time in a text; None if it is missing or unreadable."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
