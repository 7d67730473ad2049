"""Restrictions and closings that arrive before their row: they wait for it, so that it is never stored without them."""

import logging
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import UNSET

from recommendations.validation.changes import Change, EventChange, UserChange
from tenants.routing.connections import execute, query

from .upsert_sql import Upsert, as_json

logger = logging.getLogger(__name__)

MAX_WAITING = 100_000  # of a casino, some 30 MB; the messages of others are dead letters all the same

_CLASSES: dict[str, type[Change]] = {"users": UserChange, "events": EventChange}
_COUNT = "SELECT count(*) FROM waiting_changes"
# Of each subject the latest; of equal ones the stricter.
_KEEP = """
INSERT INTO waiting_changes AS stored (kind, key, subject, timestamp, change)
SELECT %s, key, subject, timestamp, change
FROM jsonb_to_recordset(%s::jsonb) AS row(key text, subject text, timestamp timestamptz, change jsonb)
ORDER BY key, subject
ON CONFLICT (kind, key, subject) DO UPDATE SET timestamp = excluded.timestamp, change = excluded.change
WHERE stored.timestamp < excluded.timestamp OR stored.timestamp = excluded.timestamp AND (
    excluded.change->>'status' NOT IN ('ACTIVE', 'OPEN', 'LIVE')
    OR (excluded.change->>'is_withheld')::boolean
    OR excluded.change->>'birth_date' > stored.change->>'birth_date'
    OR COALESCE((excluded.change->>'stake_limit')::numeric < (stored.change->>'stake_limit')::numeric,
        excluded.change->>'stake_limit' IS NOT NULL)
    OR COALESCE((excluded.change->>'limit_left')::numeric < (stored.change->>'limit_left')::numeric,
        excluded.change->>'limit_left' IS NOT NULL)
)
"""
_TAKE = "DELETE FROM waiting_changes WHERE kind = %s AND key = ANY(%s) RETURNING change::text"


def keep_until_stored(upsert: Upsert, changes: Iterable[Change]) -> None:
    """Keep what these changes of unknown rows say about a status, a birth date, a limit or a withholding."""
    parts = {(part["key"], part["subject"]): part for change in changes for part in _parts(upsert, change)}
    if not parts:
        return
    [(count,)] = query(_COUNT)
    if count >= MAX_WAITING:
        logger.warning("%d changes of %s can't wait for their rows: %d wait", len(parts), upsert.table, count)
        return
    execute(_KEEP, [upsert.table, as_json(list(parts.values()))])


def take_waiting(upsert: Upsert, keys: Sequence[object]) -> list[Change]:
    """The changes that waited for the rows with these keys, which wait no longer."""
    decode = msgspec.json.Decoder(_CLASSES[upsert.table]).decode
    return [decode(change) for (change,) in query(_TAKE, [upsert.table, [str(key) for key in keys]])]


def _parts(upsert: Upsert, change: Change) -> Iterator[dict[str, object]]:
    """One for each subject: a later message about one leaves the others."""
    key = change.id or change.natural_key
    if key is None or not change.restricts:
        return
    named = {"id": change.id, "natural_key": change.natural_key, "timestamp": change.timestamp}
    for each in upsert.timed:
        values = {column: getattr(change, column) for column in each.columns}
        if told := {column: value for column, value in values.items() if value is not UNSET}:
            yield {"key": str(key), "subject": each.columns[0], "timestamp": change.timestamp, "change": named | told}
