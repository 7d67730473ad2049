"""Storing users with their profiles, and the coupons that were waiting for them."""

from collections.abc import Sequence

from recommendations.validation.rows import Removal, Row, UserRow
from tenants.routing.connections import casino_atomic, execute

from .outcomes import Outcome
from .removal import remove_users
from .upsert import Upsert, store_in_order, store_rows, written_ids
from .waiting_coupons import lock_waiting_coupons, store_coupons_waiting_for

USERS = Upsert(
    "users",
    (
        ("name", "text"),
        ("surname", "text"),
        ("birth_year", "smallint"),
        ("currency", "text"),
        ("country", "text"),
        ("gender", "text"),
        ("timestamp", "timestamptz"),
        ("favorite_sport", "text"),
        ("favorite_league", "text"),
        ("status", "text"),
        ("status_until", "timestamptz"),
        ("birth_date", "date"),
        ("stake_limit", "numeric"),
        ("limit_left", "numeric"),
    ),
)

_PROFILES = "INSERT INTO users_profile (user_id) SELECT unnest(%s::bigint[]) ON CONFLICT (user_id) DO NOTHING"


def store_users(rows: Sequence[UserRow | Removal]) -> list[Outcome]:
    """Store users, a profile for each that has none, and the coupons that were waiting for them.

    Of several rows of one user, the one with the latest `timestamp` wins; of equal ones the last.
    """
    with casino_atomic():
        lock_waiting_coupons()
        return store_in_order(rows, _store)


def _store(rows: Sequence[Row | Removal]) -> list[Outcome]:
    outcomes = store_rows(rows, USERS, remove_users)
    if changed := written_ids(outcomes):
        execute(_PROFILES, [changed])
        store_coupons_waiting_for(changed)
    return outcomes
