"""Writes dead letters: rejected messages, byte for byte, with the reason."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import connections, router
from django.db.models import Field, JSONField

from ingestion.catalogue import catalogue_required
from ingestion.kafka.names import without_prefix
from ingestion.messages.decoding import Rejection
from ingestion.messages.envelope import Envelope
from ingestion.messages.results import MessageResult
from ingestion.models import DeadLetter
from ingestion.topics import Topic
from tenants.models.dead_letter import DeadLetterColumns, UnassignedDeadLetter
from tenants.routing.context import get_current_casino

from .bounds import DeadLetterBounds
from .content import as_text, columns_of
from .users import erased_until

logger = logging.getLogger(__name__)

# One parameter per column: bulk_create() has one per value, which takes four times as long.
_INSERT = """
INSERT INTO {table} ({columns}) SELECT {columns} FROM unnest({arrays}) WITH ORDINALITY AS letter ({columns}, number)
ORDER BY number ON CONFLICT DO NOTHING
"""
_MAX_BATCH_ROWS = 5_000
_MAX_BATCH_BYTES = 8_000_000
# A topic whose rejected messages are not parked has a higher bound: parking would delay exclusions and cancellations.
_FACTOR_UNLESS_PARKED = 2


class DeadLetters:
    """Writes the dead letters of one topic, one per message."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._bounds = DeadLetterBounds(1 if topic.parks_rejected else _FACTOR_UNLESS_PARKED)

    def send(self, results: Iterable[MessageResult], now: datetime) -> None:
        """Store the current casino's rejected messages, in the caller's transaction. Raises DeadLettersFull.

        A message older than its user's erasure is not stored."""
        casino_id = get_current_casino().id
        self._bounds.require_capacity(casino_id, DeadLetter.objects.all())
        letters = [DeadLetter(**columns_of(self._topic, result, now)) for result in log_rejected(results)]
        store_letters(without_erased_users(letters))
        self._bounds.add(casino_id, letters)

    def send_unassigned(self, results: Iterable[MessageResult], now: datetime) -> None:
        """Store messages without a known casino in the catalogue. Raises DeadLettersFull, AllDatabasesUnavailable."""
        with catalogue_required():
            self._bounds.require_capacity(None, UnassignedDeadLetter.objects.all())
            letters = [
                UnassignedDeadLetter(casino_id=result.envelope.casino_id, **columns_of(self._topic, result, now))
                for result in log_rejected(results)
            ]
            store_letters(letters)
        self._bounds.add(None, letters)


def store_letters(letters: Sequence[DeadLetterColumns]) -> None:
    """Store dead letters in one table, except those whose place is stored already."""
    if not letters:
        return
    connection = connections[router.db_for_write(type(letters[0]))]
    fields = [field for field in letters[0]._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    arrays = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
    sql = _INSERT.format(table=letters[0]._meta.db_table, columns=columns, arrays=arrays)
    with connection.cursor() as cursor:
        for part in _parts(letters):
            cursor.execute(sql, [_column(field, part) for field in fields])


def without_erased_users(letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    """The dead letters, except those sent before one of their users was erased from the current casino."""
    until = erased_until(user_id for letter in letters for user_id in letter.user_ids)
    return [
        each
        for each in letters
        if not any(user_id in until and each.sent_at <= until[user_id] for user_id in each.user_ids)
    ]


def log_rejected(results: Iterable[MessageResult]) -> Iterator[MessageResult]:
    """Log and yield the rejected messages of these."""
    for result in results:
        if result.rejection is not None:
            _log(result.envelope, result.rejection)
            yield result


def _column(field: Field[Any, Any], letters: Sequence[DeadLetterColumns]) -> list[Any]:
    """The values of an array parameter. JSON values are text: PostgreSQL would read a list as a dimension of the
    array."""
    values = [getattr(letter, field.attname) for letter in letters]
    if isinstance(field, JSONField):
        return [None if value is None else msgspec.json.encode(value).decode() for value in values]
    return values


def _parts(letters: Sequence[DeadLetterColumns]) -> Iterator[list[DeadLetterColumns]]:
    """The dead letters in parts of bounded bytes: a statement is in memory several times."""
    part: list[DeadLetterColumns] = []
    size = 0
    for letter in letters:
        if part and (len(part) == _MAX_BATCH_ROWS or size + letter.size > _MAX_BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append(letter)
        size += letter.size
    if part:
        yield part


def _log(envelope: Envelope, rejection: Rejection) -> None:
    place = envelope.place
    fields = {
        "topic": without_prefix(place.topic),
        "partition": place.partition,
        "offset": place.offset,
        "casino": envelope.casino_id,
        "reason": rejection.code,
    }
    text = " ".join(f"{name}={value}" for name, value in fields.items())
    logger.warning("Rejected: %s: %s", text, as_text(rejection.detail), extra=fields)
