"""Rows that the casino removes, and the memory of it, so that a message of before does not bring them back.

A row whose id PostgreSQL handed out is not the casino's to name, and stays.
"""

from collections.abc import Sequence

from recommendations.rows import Removal

from .counting import UNCOUNT_REMOVED
from .outcomes import DUPLICATE, Outcome, Result
from .sql import as_json, execute, query
from .upsert import Key

_REMOVALS = "jsonb_to_recordset(%s::jsonb) AS row(id bigint, timestamp timestamptz)"

_REMEMBER = f"""
INSERT INTO removed_rows AS kept (kind, row_id, timestamp)
SELECT %s, row.id, row.timestamp FROM {_REMOVALS} ORDER BY row.id
ON CONFLICT (kind, row_id) DO UPDATE SET timestamp = excluded.timestamp WHERE kept.timestamp < excluded.timestamp
"""

_UNCHANGED_SINCE = (
    "{table}.id = row.id AND {table}.natural_key IS NULL AND COALESCE({table}.timestamp <= row.timestamp, true)"
)

_FIND_USERS = f"""
SELECT users.id FROM users, {_REMOVALS} WHERE {_UNCHANGED_SINCE.format(table="users")}
ORDER BY users.id FOR UPDATE OF users
"""
_REMOVE_USERS = (
    "DELETE FROM waiting_coupons WHERE user_id = ANY(%s)",
    "DELETE FROM purchased_coupons WHERE user_id = ANY(%s)",
    "DELETE FROM served_recommendations WHERE user_id = ANY(%s)",
    "DELETE FROM users_profile WHERE user_id = ANY(%s)",
    "DELETE FROM users WHERE id = ANY(%s)",
)

# Of users who have not come, or no more.
_REMOVE_WAITING = f"""
DELETE FROM waiting_coupons AS coupon USING {_REMOVALS}
WHERE coupon.user_id = row.id AND coupon.timestamp <= row.timestamp
  AND NOT EXISTS (SELECT FROM users WHERE users.id = row.id)
"""

_FIND_EVENTS = f"SELECT events.id FROM events, {_REMOVALS} WHERE {_UNCHANGED_SINCE.format(table='events')}"
_REMOVE_EVENTS = ("DELETE FROM event_teams WHERE event_id = ANY(%s)", "DELETE FROM events WHERE id = ANY(%s)")

_LOCK_PROFILES = """
SELECT FROM users_profile
WHERE user_id = ANY(%s) OR user_id IN (SELECT user_id FROM purchased_coupons WHERE id = ANY(%s))
ORDER BY user_id FOR UPDATE
"""

_REMOVE_COUPONS = f"""
WITH removed AS (
    DELETE FROM purchased_coupons AS coupon USING {_REMOVALS}
    WHERE coupon.id = row.id AND coupon.natural_key IS NULL RETURNING coupon.id, coupon.user_id, coupon.stake
), no_longer_waiting AS (
    DELETE FROM waiting_coupons AS coupon USING {_REMOVALS} WHERE coupon.coupon_id = row.id RETURNING coupon.coupon_id
) {UNCOUNT_REMOVED}
SELECT id FROM removed UNION SELECT coupon_id FROM no_longer_waiting
"""


def remove_users(removals: Sequence[Removal]) -> dict[Key, Outcome]:
    """Remove users with all that is theirs."""
    outcomes = _remove("users", _FIND_USERS, _REMOVE_USERS, removals)
    execute(_REMOVE_WAITING, [as_json(removals)])
    return outcomes


def remove_events(removals: Sequence[Removal]) -> dict[Key, Outcome]:
    """Remove events; their teams stay, and what coupons say of them."""
    return _remove("events", _FIND_EVENTS, _REMOVE_EVENTS, removals)


def lock_profiles(user_ids: Sequence[int], removals: Sequence[Removal]) -> None:
    """Lock what both coupons of these users and removals of coupons change, in the order of the users.

    A call that stores and removes changes profiles twice; else others could come in between and lock it out.
    """
    execute(_LOCK_PROFILES, [list(user_ids), [removal.id for removal in removals]])


def remove_coupons(removals: Sequence[Removal]) -> dict[Key, Outcome]:
    """Remove coupons, and what they counted in their users' profiles."""
    execute(_REMEMBER, ["purchased_coupons", as_json(removals)])
    return _outcomes(removals, [row_id for (row_id,) in query(_REMOVE_COUPONS, [as_json(removals)] * 2)])


def _remove(kind: str, find: str, remove: Sequence[str], removals: Sequence[Removal]) -> dict[Key, Outcome]:
    execute(_REMEMBER, [kind, as_json(removals)])
    found = [row_id for (row_id,) in query(find, [as_json(removals)])]
    for statement in remove if found else ():
        execute(statement, [found])
    return _outcomes(removals, found)


def _outcomes(removals: Sequence[Removal], found: Sequence[int]) -> dict[Key, Outcome]:
    gone = set(found)
    return {removal.id: Outcome(Result.REMOVED) if removal.id in gone else DUPLICATE for removal in removals}
