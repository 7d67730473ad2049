"""Erases a user from the casino's database and models. The erasure is recorded, so that an older message does not store
the user again.

The casino's tallies are sums over all users, and keep the user's contribution.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from recommendations.attribution.erasing import erase_attributions_until, note_days_of
from recommendations.attribution.notes import lock_attribution
from recommendations.fitted_models.store import (
    EMPTY_VERSION,
    decode,
    lock_models,
    next_version,
    readable,
    served_version,
)
from recommendations.models import FittedModel
from recommendations.recommenders.hybrid_features.user_vectors import UserVectors
from tenants.routing.connections import casino_atomic, execute, query

from .removal import LATEST_MESSAGE, lock_profiles
from .rows_of_users import ROWS_OF_USERS
from .user_tallies import rebuild_users
from .waiting_coupons import lock_waiting_coupons

# In the order of `removal`. The profile's lock also protects the tallies.
_USER_COLUMNS = {
    "waiting_coupons": "user_id",
    "purchased_coupons": "user_id",
    "served_recommendations": "user_id",
    "impressions": "user_id",
    "attributions": "user_id",
    "user_days": "user_id",
    "users_profile": "user_id",
    "user_tallies": "user_id",
    "users": "id",
}

_DATED = ("waiting_coupons", "purchased_coupons", "served_recommendations", "impressions")
_STORED_SINCE = f"SELECT FROM users WHERE id = %s AND {LATEST_MESSAGE['users']} > %s"
_LOCK_USER = "SELECT FROM users WHERE id = %s FOR UPDATE"

# Now, or the row's own timestamp if later: otherwise the same message would store the row again.
_AS_OF = f"SELECT GREATEST(%s, (SELECT {LATEST_MESSAGE['users']} FROM users WHERE id = %s FOR UPDATE))"

_FORGET_CHANGES = "DELETE FROM waiting_changes WHERE kind = 'users' AND key = %s"

_RECORD = """
INSERT INTO removed_rows AS stored (kind, row_id, timestamp) VALUES ('users', %s, %s)
ON CONFLICT (kind, row_id) DO UPDATE SET timestamp = GREATEST(stored.timestamp, excluded.timestamp)
"""

# Users without an id of the casino are recognized by their natural key. If an erasure finds no natural key, the
# recorded one stays.
_RECORD_KEY = """
INSERT INTO erased_users AS stored (user_id, natural_key, erased_at)
SELECT wanted.id, users.natural_key, %s FROM (SELECT %s::bigint AS id) AS wanted LEFT JOIN users USING (id)
ON CONFLICT (user_id) DO UPDATE SET
    natural_key = COALESCE(excluded.natural_key, stored.natural_key),
    erased_at = GREATEST(stored.erased_at, excluded.erased_at)
"""
# A user without an id of the casino who is stored again gets a new id, but has the same natural key.
_FREE_KEY = """
DELETE FROM erased_users USING users
WHERE users.id = %s AND erased_users.natural_key = users.natural_key AND erased_users.user_id <> users.id
"""


def erase_user(user_id: int, now: datetime) -> dict[str, int]:
    """Delete all rows of a user, remove the user from fitted models, and record the erasure if there was any data.
    Returns the number of rows by table."""
    with casino_atomic():
        lock_waiting_coupons()
        lock_attribution()
        [(as_of,)] = query(_AS_OF, [now, user_id])
        others = _erase_others(user_id, None) | {"fitted_models": _erase_vectors(user_id)}
        if any(others.values()) or _has_rows(user_id):
            _record(user_id, as_of)
        execute(_FORGET_CHANGES, [str(user_id)])
        note_days_of(user_id)
        return dict(_delete(user_id)) | others


def is_stored_again_since(user_id: int, erased_at: datetime) -> bool:
    """Whether a user of the current casino was stored again after that erasure."""
    return bool(query(_STORED_SINCE, [user_id, erased_at]))


def erase_rows_until(user_id: int, erased_at: datetime) -> dict[str, int]:
    """Delete a user's rows of before `erased_at`, restored from a backup. Returns the number of rows by table. If the
    user was stored again later, later rows stay and are recounted."""
    with casino_atomic():
        lock_waiting_coupons()
        lock_attribution()
        query(_LOCK_USER, [user_id])
        if not is_stored_again_since(user_id, erased_at):
            return erase_user(user_id, erased_at)
        _record(user_id, erased_at)
        lock_profiles([user_id], [])
        deleted = dict(_delete(user_id, _DATED, " AND timestamp <= %s", [erased_at]))
        if deleted["purchased_coupons"]:
            rebuild_users([user_id])
            lock_models()
            _renumber_served()
        deleted |= erase_attributions_until(user_id, erased_at)
        return deleted | _erase_others(user_id, erased_at)


def vectors_of(user_id: int) -> dict[int, list[float]]:
    """Version -> the user's vector, for each stored version of the fitted models that has one."""
    found = ((row.version, decode(row, UserVectors)) for row in _user_vector_rows())
    known = ((version, vectors.of(user_id)) for version, vectors in found if vectors is not None)
    return {version: vector.tolist() for version, vector in known if vector is not None}


def _erase_vectors(user_id: int) -> int:
    """Remove the user from all stored user vectors, in the caller's transaction. Returns the number of changed
    models."""
    lock_models()
    changed = []
    for row in _user_vector_rows():
        vectors = decode(row, UserVectors)
        if vectors is not None and vectors.of(user_id) is not None:
            row.fitted = vectors.only(vectors.user_ids != user_id).encode()
            row.save(update_fields=["fitted"])
            changed.append(row.version)
    _renumber_served()  # always: the casino may have removed the user's coupons before
    return len(changed)


def _renumber_served() -> None:
    """Give the served version a new number, or store an empty version if there is none. Processes cache its models, and
    counts of coupons, by that number: they read both again."""
    if not FittedModel.objects.filter(version=served_version()).update(version=next_version()):
        FittedModel.objects.create(version=next_version(), recommender=EMPTY_VERSION, fitted=b"", coupons=0)


def _erase_others(user_id: int, until: datetime | None) -> dict[str, int]:
    """Erase the user's rows in other apps' tables. Returns their number by table."""
    return {table: rows.erase({user_id: until}) for table, rows in ROWS_OF_USERS.items()}


def _user_vector_rows() -> Iterator[FittedModel]:
    return readable(FittedModel.objects.filter(recommender="tastes")).defer("scores").order_by("version").iterator()


def _record(user_id: int, as_of: datetime) -> None:
    execute(_FREE_KEY, [user_id])
    execute(_RECORD_KEY, [as_of, user_id])
    execute(_RECORD, [user_id, as_of])


def _has_rows(user_id: int) -> bool:
    sql = " OR ".join(f"EXISTS (SELECT FROM {table} WHERE {column} = %s)" for table, column in _USER_COLUMNS.items())
    [(has_rows,)] = query(f"SELECT {sql}", [user_id] * len(_USER_COLUMNS))
    return bool(has_rows)


def _delete(
    user_id: int, tables: Iterable[str] = _USER_COLUMNS, condition: str = "", parameters: Sequence[Any] = ()
) -> Iterator[tuple[str, int]]:
    for table in tables:
        rows = f"DELETE FROM {table} WHERE {_USER_COLUMNS[table]} = %s{condition} RETURNING 1"
        [(count,)] = query(f"WITH deleted AS ({rows}) SELECT count(*) FROM deleted", [user_id, *parameters])
        yield table, count
