"""Removes rows for a casino's removals. They are recorded, so that an older message does not store the row again.

Only rows with an id of the casino can be removed: the casino does not know ids that PostgreSQL assigned.
"""

from collections.abc import Iterable, Sequence

from recommendations.attribution.notes import lock_attribution
from recommendations.tallies.selections import TallyCoupon
from recommendations.tallies.user_tallies_sql import coupons_from, decode_coupons
from recommendations.text_ids import stored_id
from recommendations.validation.rows import Removal
from tenants.routing.connections import execute, query

from .casino_tallies import add_to_casino_tallies
from .outcomes import DUPLICATE, Outcome, Result
from .rows_of_users import ROWS_OF_USERS
from .upsert import Key, as_json
from .upsert_sql import LATEST_TRUSTED
from .user_tallies import coupon_pages, rebuild_users

_BATCH = 200  # coupons whose selections are in memory at the same time

_REMOVALS = "jsonb_to_recordset(%s::jsonb) AS row(id bigint, timestamp timestamptz)"

_RECORD = f"""
INSERT INTO removed_rows AS stored (kind, row_id, timestamp)
SELECT %s, row.id, row.timestamp FROM {_REMOVALS} ORDER BY row.id
ON CONFLICT (kind, row_id) DO UPDATE SET timestamp = excluded.timestamp WHERE stored.timestamp < excluded.timestamp
"""

# A partial message moves only the times of its own values.
LATEST_MESSAGE = {
    "users": "GREATEST(users.timestamp, users.status_as_of, users.is_withheld_as_of, users.stake_limit_as_of, "
    "users.limit_left_as_of, users.birth_date_as_of, users.personalisation_as_of)",
    "events": "GREATEST(events.timestamp, events.status_as_of, events.odd_as_of, events.begin_timestamp_as_of)",
}


def _removal_condition(table: str) -> str:
    return (
        f"{table}.id = row.id AND {table}.natural_key IS NULL "
        f"AND COALESCE({LATEST_MESSAGE[table]} <= row.timestamp OR {LATEST_MESSAGE[table]} > {LATEST_TRUSTED}, true)"
    )


_FIND_USERS = f"""
SELECT users.id FROM users, {_REMOVALS} WHERE {_removal_condition("users")}
ORDER BY users.id FOR UPDATE OF users
"""
_LOCK_USERS = "SELECT FROM users WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
_REMOVE_USERS = (
    "DELETE FROM waiting_coupons WHERE user_id = ANY(%s)",
    "DELETE FROM purchased_coupons WHERE user_id = ANY(%s)",
    "DELETE FROM served_recommendations WHERE user_id = ANY(%s)",
    "DELETE FROM impressions WHERE user_id = ANY(%s)",
    "DELETE FROM attributions WHERE user_id = ANY(%s)",
    """
    WITH gone AS (DELETE FROM user_days WHERE user_id = ANY(%s) RETURNING day)
    INSERT INTO due_attributions (kind, days)
    SELECT 'days', array_agg(DISTINCT day) FROM gone HAVING count(*) > 0
    """,
    "DELETE FROM users_profile WHERE user_id = ANY(%s)",
    "DELETE FROM user_tallies WHERE user_id = ANY(%s)",  # after the profile, whose lock protects it
    "DELETE FROM users WHERE id = ANY(%s)",
)

# Coupons of users who are not stored.
_REMOVE_WAITING = f"""
DELETE FROM waiting_coupons AS coupon USING {_REMOVALS}
WHERE coupon.user_id = row.id AND coupon.timestamp <= row.timestamp
  AND NOT EXISTS (SELECT FROM users WHERE users.id = row.id)
"""

_REMOVE_WAITING_CHANGES = f"""
DELETE FROM waiting_changes AS change USING {_REMOVALS}
WHERE change.kind = %s AND change.key = row.id::text AND change.timestamp <= row.timestamp
"""

_HAS_LATER_CHANGE = """EXISTS (
    SELECT FROM waiting_changes AS change
    WHERE change.kind = %s AND change.key = row.id::text AND change.timestamp > row.timestamp
)"""
_IS_RECORDED = """EXISTS (
    SELECT FROM removed_rows WHERE kind = %s AND row_id = row.id AND removed_rows.timestamp >= row.timestamp
)"""

_FIND_EVENTS = f"SELECT events.id FROM events, {_REMOVALS} WHERE {_removal_condition('events')}"
_REMOVE_EVENTS = ("DELETE FROM event_teams WHERE event_id = ANY(%s)", "DELETE FROM events WHERE id = ANY(%s)")

_LOCK_PROFILES = """
SELECT FROM users_profile
WHERE user_id = ANY(%s) OR user_id IN (SELECT user_id FROM purchased_coupons WHERE id = ANY(%s))
ORDER BY user_id FOR UPDATE
"""

_REMOVE_COUPONS = f"""
WITH removed AS (
    DELETE FROM purchased_coupons AS coupon USING {_REMOVALS}
    WHERE coupon.id = row.id AND coupon.natural_key IS NULL RETURNING coupon.*
), noted AS (
    INSERT INTO due_attributions (kind, ids, days)
    SELECT 'coupons', array_agg(id), '{{}}'::date[] FROM removed HAVING count(*) > 0
    UNION ALL
    SELECT 'user_days', array_agg(user_id), array_agg((timestamp AT TIME ZONE 'UTC')::date)
    FROM removed HAVING count(*) > 0
), no_longer_waiting AS (
    DELETE FROM waiting_coupons AS coupon USING {_REMOVALS} WHERE coupon.coupon_id = row.id RETURNING coupon.coupon_id
)
SELECT ARRAY(SELECT id FROM removed UNION SELECT coupon_id FROM no_longer_waiting),
       ARRAY(SELECT DISTINCT user_id FROM removed), {coupons_from("removed AS coupon")}
"""


def ids_without_effect(table: str, removals: Sequence[Removal]) -> set[int]:
    """The ids of the removals without effect: a later message changed the row or waits for it, or the removal is
    already recorded."""
    later_row = f"SELECT FROM {table} WHERE {table}.id = row.id AND NOT ({_removal_condition(table)})"
    sql = f"SELECT row.id FROM {_REMOVALS} WHERE EXISTS ({later_row}) OR {_HAS_LATER_CHANGE} OR {_IS_RECORDED}"
    return {row_id for (row_id,) in query(sql, [as_json(removals), table, table])}


def lock_removed_users(rows: Iterable[object]) -> None:
    """Lock the users with a removal in the order of their ids, as storing coupons does, and after the lock of the
    attribution job.

    A call may remove users in several steps, if a user occurs several times: locking all of them first prevents
    deadlocks.
    """
    if removed := [row.id for row in rows if isinstance(row, Removal)]:
        lock_attribution()
        execute(_LOCK_USERS, [removed])


def remove_users(removals: Sequence[Removal]) -> dict[Key, Outcome]:
    """Remove users with all their rows. The transaction has called `lock_removed_users`."""
    execute(_RECORD, ["users", as_json(removals)])
    if found := [row_id for (row_id,) in query(_FIND_USERS, [as_json(removals)])]:
        for page in coupon_pages(found):
            _subtract_from_casino_tallies(coupon for coupons in page.values() for coupon in coupons)
        for statement in _REMOVE_USERS:
            execute(statement, [found])
    execute(_REMOVE_WAITING, [as_json(removals)])
    execute(_REMOVE_WAITING_CHANGES, [as_json(removals), "users"])
    for rows in ROWS_OF_USERS.values():
        rows.erase({stored_id(removal.id): removal.timestamp for removal in removals})
    return _outcomes(removals, found)


def remove_events(removals: Sequence[Removal]) -> dict[Key, Outcome]:
    """Remove events. Teams, and the selections in coupons, stay."""
    execute(_RECORD, ["events", as_json(removals)])
    if found := [row_id for (row_id,) in query(_FIND_EVENTS, [as_json(removals)])]:
        for statement in _REMOVE_EVENTS:
            execute(statement, [found])
    execute(_REMOVE_WAITING_CHANGES, [as_json(removals), "events"])
    return _outcomes(removals, found)


def lock_profiles(user_ids: Sequence[int], removals: Sequence[Removal]) -> None:
    """Lock the profiles of these users and of the removed coupons' users, in the order of the users.

    A call that stores and removes coupons updates profiles twice; locking all of them first prevents deadlocks.
    """
    execute(_LOCK_PROFILES, [list(user_ids), [removal.id for removal in removals]])


def remove_coupons(removals: Sequence[Removal]) -> dict[Key, Outcome]:
    """Remove coupons, subtract them from the casino's tallies, and recount their users' profiles and tallies."""
    execute(_RECORD, ["purchased_coupons", as_json(removals)])
    removed: list[int] = []
    users: set[int] = set()
    for start in range(0, len(removals), _BATCH):
        some = as_json(removals[start : start + _BATCH])
        [(removed_ids, user_ids, coupons)] = query(_REMOVE_COUPONS, [some] * 2)
        _subtract_from_casino_tallies(decode_coupons(coupons))
        removed += removed_ids
        users.update(user_ids)
    rebuild_users(sorted(users))
    return _outcomes(removals, removed)


def _subtract_from_casino_tallies(coupons: Iterable[TallyCoupon]) -> None:
    add_to_casino_tallies([(coupon.timestamp, coupon.selections) for coupon in coupons], sign=-1)


def _outcomes(removals: Sequence[Removal], found: Sequence[int]) -> dict[Key, Outcome]:
    removed = set(found)
    return {removal.id: Outcome(Result.REMOVED) if removal.id in removed else DUPLICATE for removal in removals}
