"""A user taken out of the casino's database with all that is theirs, and the memory of it: no message of before brings
them back.

What coupons have added to the casino's own tallies stays: those are sums of all users.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from tenants.routing.connections import casino_atomic

from .erased_tastes import erase_tastes
from .removal import lock_profiles
from .sql import execute, query
from .user_tallies import rebuild_users
from .waiting_coupons import lock_waiting_coupons

# A profile's lock guards the tallies; the order is that of `removals`.
_OF_A_USER = {
    "waiting_coupons": "user_id",
    "purchased_coupons": "user_id",
    "served_recommendations": "user_id",
    "users_profile": "user_id",
    "user_tallies": "user_id",
    "users": "id",
}

_DATED = ("waiting_coupons", "purchased_coupons", "served_recommendations")
_CAME_SINCE = "SELECT FROM users WHERE id = %s AND timestamp > %s"
_LOCK_USER = "SELECT FROM users WHERE id = %s FOR UPDATE"

# As of now, or as of the row's own time where that lies ahead: else its own message would bring it back.
_AS_OF = "SELECT GREATEST(%s, (SELECT timestamp FROM users WHERE id = %s FOR UPDATE))"

_REMEMBER = """
INSERT INTO removed_rows AS kept (kind, row_id, timestamp) VALUES ('users', %s, %s)
ON CONFLICT (kind, row_id) DO UPDATE SET timestamp = GREATEST(kept.timestamp, excluded.timestamp)
"""

# Of a user to whom the casino gave no id, the messages are known by the key that they make. Who is erased again, and
# has come back without one, is still known by the one of before.
_REMEMBER_KEY = """
INSERT INTO erased_users AS kept (user_id, natural_key, erased_at)
SELECT wanted.id, users.natural_key, %s FROM (SELECT %s::bigint AS id) AS wanted LEFT JOIN users USING (id)
ON CONFLICT (user_id) DO UPDATE SET
    natural_key = COALESCE(excluded.natural_key, kept.natural_key),
    erased_at = GREATEST(kept.erased_at, excluded.erased_at)
"""
# A person without an id who came anew has another one now; the key is one and the same.
_FREE_KEY = """
DELETE FROM erased_users USING users
WHERE users.id = %s AND erased_users.natural_key = users.natural_key AND erased_users.user_id <> users.id
"""


def erase_user(user_id: int, now: datetime) -> dict[str, int]:
    """Delete all rows of a user, and take them out of models; answer how many there were, by table; remember it if
    there was any."""
    with casino_atomic():
        lock_waiting_coupons()
        [(as_of,)] = query(_AS_OF, [now, user_id])
        models = erase_tastes(user_id)
        if models or _is_kept(user_id):
            execute(_FREE_KEY, [user_id])
            execute(_REMEMBER_KEY, [as_of, user_id])
            execute(_REMEMBER, [user_id, as_of])
        return {**dict(_delete(user_id)), "fitted_models": models}


def is_user_again_since(user_id: int, erased_at: datetime) -> bool:
    """Whether a user of the current casino who was erased then is its user again."""
    return bool(query(_CAME_SINCE, [user_id, erased_at]))


def erase_rows_until(user_id: int, erased_at: datetime) -> dict[str, int]:
    """Delete what a restored backup holds of a user who was erased then, and answer how many rows there were, by table.
    Of who came anew since, what came since stays, and is counted anew."""
    with casino_atomic():
        lock_waiting_coupons()
        query(_LOCK_USER, [user_id])
        if not is_user_again_since(user_id, erased_at):
            return erase_user(user_id, erased_at)
        execute(_FREE_KEY, [user_id])
        execute(_REMEMBER_KEY, [erased_at, user_id])
        execute(_REMEMBER, [user_id, erased_at])
        lock_profiles([user_id], [])
        gone = dict(_delete(user_id, _DATED, " AND timestamp <= %s", [erased_at]))
        if gone["purchased_coupons"]:
            rebuild_users([user_id])
        return gone


def _is_kept(user_id: int) -> bool:
    """Whether there is anything of the user."""
    sql = " OR ".join(f"EXISTS (SELECT FROM {table} WHERE {column} = %s)" for table, column in _OF_A_USER.items())
    [(is_kept,)] = query(f"SELECT {sql}", [user_id] * len(_OF_A_USER))
    return bool(is_kept)


def _delete(
    user_id: int, tables: Iterable[str] = _OF_A_USER, which: str = "", parameters: Sequence[Any] = ()
) -> Iterator[tuple[str, int]]:
    for table in tables:
        rows = f"DELETE FROM {table} WHERE {_OF_A_USER[table]} = %s{which} RETURNING 1"
        [(count,)] = query(f"WITH gone AS ({rows}) SELECT count(*) FROM gone", [user_id, *parameters])
        yield table, count
