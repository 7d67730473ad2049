"""Stores and prunes served recommendations."""

from collections.abc import Sequence
from copy import copy
from datetime import datetime
from uuid import UUID

from recommendations.text_ids import Kind, is_text_id, with_stored_ids
from recommendations.validation.rows import Removal, ServedRow
from tenants.numbers import parse_id
from tenants.routing.connections import casino_atomic, query

from .coupon_sql import UNLESS_OF_ERASED
from .outcomes import DUPLICATE, STALE, Outcome, Result
from .upsert import as_json

_STORED, _REMOVED = Outcome(Result.STORED), Outcome(Result.REMOVED)

# Recommendations for users who were removed or erased since are dropped. The lock excludes concurrent removals.
_STORE = f"""
WITH incoming AS MATERIALIZED (
    SELECT row.* FROM jsonb_to_recordset(%s::jsonb) AS row(
        recommendation_id uuid, user_id bigint, timestamp timestamptz, recommender text, asked_for text, fallback text,
        model_version text, stake numeric, currency text, events jsonb, took_ms float8, placement text,
        experiment text, variant text, propensity float8, shown boolean, refusal text
    ) JOIN users ON users.id = row.user_id {UNLESS_OF_ERASED} ORDER BY row.user_id FOR KEY SHARE OF users
)
INSERT INTO served_recommendations (
    recommendation_id, user_id, timestamp, recommender, asked_for, fallback, model_version, stake, currency, events,
    took_ms, placement, experiment, variant, propensity, shown, refusal
)
SELECT
    recommendation_id, user_id, timestamp, recommender, asked_for, fallback, model_version, stake, currency, events,
    took_ms, placement, experiment, variant, propensity, shown, refusal
FROM incoming ORDER BY recommendation_id
ON CONFLICT (recommendation_id) DO NOTHING RETURNING recommendation_id
"""

_KNOWN = "SELECT recommendation_id FROM served_recommendations WHERE recommendation_id = ANY(%s)"

_REMOVE = """
WITH removed AS (
    DELETE FROM served_recommendations AS served
    USING jsonb_to_recordset(%s::jsonb) AS row(id bigint, timestamp timestamptz)
    WHERE served.user_id = row.id AND served.timestamp <= row.timestamp
    RETURNING served.user_id, served.recommendation_id, (served.timestamp AT TIME ZONE 'UTC')::date AS day
), noted AS (
    INSERT INTO due_attributions (kind, ids, days)
    SELECT 'coupons', array_agg(coupon_id), '{}'::date[]
    FROM attributions JOIN removed USING (user_id, recommendation_id) HAVING count(*) > 0
    UNION ALL
    SELECT 'user_days', array_agg(user_id), array_agg(day) FROM (SELECT DISTINCT user_id, day FROM removed) AS pair
    HAVING count(*) > 0
)
SELECT DISTINCT user_id FROM removed
"""

# Concurrent calls prune different rows, without waiting.
_PRUNE = """
WITH old AS (
    SELECT id FROM served_recommendations WHERE timestamp < %s ORDER BY timestamp, id LIMIT %s FOR UPDATE SKIP LOCKED
), pruned AS (
    DELETE FROM served_recommendations USING old WHERE served_recommendations.id = old.id RETURNING old.id
)
SELECT count(*) FROM pruned
"""


def store_recommendations(rows: Sequence[ServedRow | Removal]) -> list[Outcome]:
    """Store served recommendations, each once. STALE: its user is not stored.

    A removal names a user: it deletes the recommendations served to the user until its timestamp.
    """
    served = [row for row in rows if isinstance(row, ServedRow)]
    removals = with_stored_ids(Kind.USERS, [_with_stored_user(row) for row in rows if isinstance(row, Removal)])
    with casino_atomic():
        written = _store(served) if served else set()
        known = _known(served) if len(written) < len(served) else written
        cleared = _remove(removals) if removals else set()
    outcomes, is_cleared = [], iter([removal.id in cleared for removal in removals])
    for row in rows:
        if isinstance(row, Removal):
            outcomes.append(_REMOVED if next(is_cleared) else DUPLICATE)
        elif row.recommendation_id in written:
            written.remove(row.recommendation_id)  # of several rows with one id, only the first is STORED
            outcomes.append(_STORED)
        else:
            outcomes.append(DUPLICATE if row.recommendation_id in known else STALE)
    return outcomes


def prune_recommendations(before: datetime, limit: int) -> int:
    """Delete the oldest recommendations served before `before`, at most `limit`. Returns their number."""
    [(pruned,)] = query(_PRUNE, [before, limit])
    return int(pruned)


def _with_stored_user(removal: Removal) -> Removal:
    """Read a text that is a stored id as a number: this topic's keys are users' stored ids, also for text ids."""
    stored = parse_id(removal.id) if isinstance(removal.id, str) else None
    if stored is None or not is_text_id(stored):
        return removal
    removal = copy(removal)
    removal.id = stored
    return removal


def _store(rows: Sequence[ServedRow]) -> set[UUID]:
    return {each for (each,) in query(_STORE, [as_json(rows)])}


def _known(rows: Sequence[ServedRow]) -> set[UUID]:
    return {each for (each,) in query(_KNOWN, [[row.recommendation_id for row in rows]])}


def _remove(removals: Sequence[Removal]) -> set[int]:
    return {each for (each,) in query(_REMOVE, [as_json(removals)])}
