"""Stores and prunes impressions: for each event of a recommendation, the first time that its user saw or clicked it.

The earliest time of all messages is stored, so neither their order nor repetitions matter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from recommendations.models import WHOLE_SLIP
from recommendations.text_ids import Kind, ids_of, with_stored_ids
from recommendations.validation.impressions import ImpressionRow
from recommendations.validation.own_ids import OwnId
from recommendations.validation.rows import Removal
from tenants.routing.connections import casino_atomic, query

from .coupon_sql import UNLESS_OF_ERASED
from .outcomes import DUPLICATE, STALE, Outcome, Result
from .upsert import as_json

_STORED, _UPDATED, _REMOVED = Outcome(Result.STORED), Outcome(Result.UPDATED), Outcome(Result.REMOVED)
_NO_USER = 0  # the user id for a text without a number; no row has it
_KEY = "user_id, recommendation_id, kind, event_id"

# Impressions of users who were removed or erased since are dropped. The lock excludes concurrent removals. Of equal
# times the first placement by name wins, so that the order of messages does not matter either.
_STORE = f"""
WITH incoming AS MATERIALIZED (
    SELECT row.* FROM jsonb_to_recordset(%s::jsonb) AS row(
        number integer, user_id bigint, recommendation_id uuid, kind text, event_id bigint, placement text,
        timestamp timestamptz
    ) JOIN users ON users.id = row.user_id {UNLESS_OF_ERASED} ORDER BY row.user_id FOR KEY SHARE OF users
), first AS (
    SELECT DISTINCT ON ({_KEY}) * FROM incoming ORDER BY {_KEY}, timestamp, placement, number
), written AS (
    INSERT INTO impressions AS stored ({_KEY}, placement, timestamp)
    SELECT {_KEY}, placement, timestamp FROM first ORDER BY {_KEY}
    ON CONFLICT ({_KEY}) DO UPDATE SET placement = excluded.placement, timestamp = excluded.timestamp
    WHERE (excluded.timestamp, excluded.placement) < (stored.timestamp, stored.placement)
    RETURNING {_KEY}, xmax = 0 AS is_new
), noted AS (
    INSERT INTO due_attributions (kind, recommendations)
    SELECT 'impressions', array_agg(DISTINCT recommendation_id) FROM written WHERE is_new HAVING count(*) > 0
), results AS (SELECT number, bool_or(is_new) AS is_new FROM first JOIN written USING ({_KEY}) GROUP BY number)
SELECT number, results.number IS NOT NULL, COALESCE(is_new, false)
FROM (SELECT DISTINCT number FROM incoming) AS known LEFT JOIN results USING (number)
"""

_REMOVE = """
WITH removed AS (
    DELETE FROM impressions USING jsonb_to_recordset(%s::jsonb) AS row(id bigint, timestamp timestamptz)
    WHERE user_id = row.id AND impressions.timestamp <= row.timestamp
    RETURNING user_id, recommendation_id
), noted AS (
    INSERT INTO due_attributions (kind, recommendations)
    SELECT 'impressions', array_agg(DISTINCT recommendation_id) FROM removed HAVING count(*) > 0
)
SELECT DISTINCT user_id FROM removed
"""

# Concurrent calls prune different rows, without waiting.
_PRUNE = f"""
WITH old AS (
    SELECT {_KEY} FROM impressions WHERE timestamp < %s ORDER BY timestamp LIMIT %s FOR UPDATE SKIP LOCKED
), pruned AS (DELETE FROM impressions USING old WHERE ({", ".join(f"impressions.{part}" for part in _KEY.split(", "))})
    = ({", ".join(f"old.{part}" for part in _KEY.split(", "))}) RETURNING 1)
SELECT count(*) FROM pruned
"""


def store_impressions(rows: Sequence[ImpressionRow | Removal]) -> list[Outcome]:
    """Store impressions. UPDATED: an impression that is earlier than the stored one. STALE: its user is not stored.

    A removal names a user: it deletes the user's impressions until its timestamp.
    """
    removals = with_stored_ids(Kind.USERS, [row for row in rows if isinstance(row, Removal)])
    seen = {number: row for number, row in enumerate(rows) if isinstance(row, ImpressionRow)}
    with casino_atomic():
        outcomes = _store(seen) if seen else {}
        cleared = _remove(removals) if removals else set()
    removed = iter([_REMOVED if removal.id in cleared else DUPLICATE for removal in removals])
    return [
        next(removed) if isinstance(row, Removal) else outcomes.get(number, STALE) for number, row in enumerate(rows)
    ]


def prune_impressions(before: datetime, limit: int) -> int:
    """Delete the oldest impressions before this time, at most `limit`. Returns their number."""
    [(pruned,)] = query(_PRUNE, [before, limit])
    return int(pruned)


def _store(rows: Mapping[int, ImpressionRow]) -> dict[int, Outcome]:
    """The outcomes of the rows whose users are stored, by number."""
    users = _ids_of(Kind.USERS, (row.user_id for row in rows.values()))
    events = _ids_of(Kind.EVENTS, (each for row in rows.values() for each in row.event_ids))
    records = [
        {
            "number": number,
            "user_id": users.get(row.user_id, _NO_USER) if isinstance(row.user_id, str) else row.user_id,
            "recommendation_id": row.recommendation_id,
            "kind": row.kind,
            "event_id": event_id,
            "placement": row.placement,
            "timestamp": row.timestamp,
        }
        for number, row in rows.items()
        for event_id in _stored_events(row.event_ids, events)
    ]
    return {number: _outcome(is_written, is_new) for number, is_written, is_new in query(_STORE, [as_json(records)])}


def _ids_of(kind: Kind, own: Iterable[OwnId]) -> Mapping[str, int]:
    """The stored ids of texts. Unknown texts get no number: only the casino's own messages assign numbers."""
    texts = {each for each in own if isinstance(each, str)}
    return ids_of(kind, texts) if texts else {}


def _stored_events(own: Sequence[OwnId], ids: Mapping[str, int]) -> Iterator[int]:
    """The stored ids, without unknown texts: no recommendation can contain these events."""
    if not own:
        yield WHOLE_SLIP
    for each in own:
        if isinstance(each, int):
            yield each
        elif each in ids:
            yield ids[each]


def _outcome(is_written: Any, is_new: Any) -> Outcome:
    if not is_written:
        return DUPLICATE
    return _STORED if is_new else _UPDATED


def _remove(removals: Sequence[Removal]) -> set[int]:
    return {each for (each,) in query(_REMOVE, [as_json(removals)])}
