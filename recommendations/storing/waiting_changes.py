"""Restrictions and closings that arrive before their row. They wait for it, so that it is never stored without them."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import cast
from uuid import UUID

import msgspec
from msgspec import UNSET

from recommendations.errors import InvalidRow
from recommendations.text_ids import is_text_id
from recommendations.validation.changes import Change, EventChange, UserChange
from tenants.routing.connections import execute, query

from .upsert import as_json
from .upsert_sql import Upsert

logger = logging.getLogger(__name__)

MAX_WAITING = 100_000  # of one kind and casino, some 30 MB; also without waiting, the messages become dead letters
_DROPPED = 1_000

_CLASSES: dict[str, type[Change]] = {"users": UserChange, "events": EventChange}
_COUNT = "SELECT count(*) FROM waiting_changes WHERE kind = %s"
# Feeds close all their events, including events that the casino never offers nor stores. A user's restriction is never
# dropped.
_DROP_OLDEST_OF_EVENTS = """
DELETE FROM waiting_changes
WHERE id IN (SELECT id FROM waiting_changes WHERE kind = 'events' ORDER BY timestamp, id LIMIT %s)
"""
# The latest change of each subject is stored, of equal times the strictest.
_STORE = """
INSERT INTO waiting_changes AS stored (kind, key, subject, timestamp, change)
SELECT '{table}', key, subject, timestamp, change
FROM jsonb_to_recordset(%s::jsonb) AS row(key text, subject text, timestamp timestamptz, change jsonb)
ORDER BY key, subject
ON CONFLICT (kind, key, subject) DO UPDATE SET timestamp = excluded.timestamp, change = excluded.change
WHERE stored.timestamp < excluded.timestamp OR stored.timestamp = excluded.timestamp AND (
    SELECT CASE stored.subject {is_stricter} END
    FROM jsonb_populate_record(NULL::{table}, excluded.change) AS new,
        jsonb_populate_record(NULL::{table}, stored.change) AS old
)
"""
_TAKE = "DELETE FROM waiting_changes WHERE kind = %s AND key = ANY(%s) RETURNING key, timestamp, change::text"


def keep_until_stored(upsert: Upsert, changes: Iterable[Change]) -> None:
    """Store the restrictions in these changes of unknown rows: status, birth date, limits, withholding and
    `personalisation`."""
    parts = {(part["key"], part["subject"]): part for change in changes for part in _parts(upsert, change)}
    if not parts:
        return
    [(count,)] = query(_COUNT, [upsert.table])
    if count >= MAX_WAITING and upsert.table == "events":
        execute(_DROP_OLDEST_OF_EVENTS, [_DROPPED])
    elif count >= MAX_WAITING:
        logger.warning(
            "%d changes of unknown %s were not stored: %d are waiting already", len(parts), upsert.table, count
        )
        return
    execute(_store_sql(upsert), [as_json(list(parts.values()))])


def take_waiting(upsert: Upsert, keys: Sequence[object]) -> list[Change]:
    """Delete and return the changes that waited for the rows with these keys."""
    by_text = {str(key): key for key in keys}
    taken = query(_TAKE, [upsert.table, list(by_text)])
    return [_decode(upsert.table, by_text[key], timestamp, change) for key, timestamp, change in taken]


def _decode(table: str, key: object, timestamp: datetime, change: str) -> Change:
    """The decoded change. For an unreadable one, a change that withholds the row until the next message."""
    kind = _CLASSES[table]
    try:
        decoded = msgspec.json.decode(change, type=kind)
    except (msgspec.DecodeError, InvalidRow) as error:
        logger.warning(
            "A waiting change of %s %s is unreadable; the row is withheld until its next message: %s", table, key, error
        )
        decoded = msgspec.convert({"timestamp": timestamp, "is_withheld": True}, kind)
    if isinstance(key, int):
        decoded.id = key
    else:
        decoded.natural_key = cast(UUID, key)
    return decoded


@cache
def _store_sql(upsert: Upsert) -> str:
    cases = (f"WHEN '{each.columns[0]}' THEN {each.is_stricter.format(new='new', old='old')}" for each in upsert.timed)
    return _STORE.format(table=upsert.table, is_stricter=" ".join(cases))


def _parts(upsert: Upsert, change: Change) -> Iterator[dict[str, object]]:
    """One part for each subject, so that a later message about one subject leaves the others."""
    key = change.id or change.natural_key
    if key is None or not change.restricts:
        return
    named: dict[str, object] = {"natural_key": change.natural_key, "timestamp": change.timestamp}
    if not (isinstance(key, int) and is_text_id(key)):  # the number of a text id can't be decoded as an own id
        named["id"] = change.id
    for each in upsert.timed:
        values = {column: getattr(change, column) for column in each.columns}
        sent = {column: value for column, value in values.items() if value is not UNSET}
        if any(value is not False or each.false_restricts for value in sent.values()):
            yield {"key": str(key), "subject": each.columns[0], "timestamp": change.timestamp, "change": named | sent}
