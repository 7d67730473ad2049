"""Stores users with their profiles, and the coupons that were waiting for them."""

from collections.abc import Sequence

from recommendations.text_ids import Kind, with_stored_ids
from recommendations.validation.changes import UserChange
from recommendations.validation.rows import Removal, UserRow
from tenants.routing.connections import casino_atomic, execute

from .outcomes import Outcome
from .removal import lock_removed_users, remove_users
from .rows_and_changes import store_rows
from .upsert import Rows, store_in_order, written_ids
from .upsert_sql import Timed, Upsert
from .waiting_coupons import lock_waiting_coupons, store_coupons_waiting_for

# SQL: the end of the status, then its severity; the greater pair is stricter.
_STRICTNESS = """(
    CASE {row}.status WHEN 'ACTIVE' THEN '-infinity' WHEN 'CLOSED' THEN 'infinity'
        ELSE COALESCE({row}.status_until, 'infinity') END,
    CASE {row}.status WHEN 'ACTIVE' THEN 0 WHEN 'TIME_OUT' THEN 1 WHEN 'SELF_EXCLUDED' THEN 2 ELSE 3 END
)"""


def _is_lower(column: str) -> str:
    """SQL that is true for a lower limit; null means no limit, and LEAST ignores it."""
    return f"LEAST({{new}}.{column}, {{old}}.{column}) IS DISTINCT FROM {{old}}.{column}"


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
        ("is_withheld", "boolean"),
        ("personalisation", "boolean"),
    ),
    timed=(
        Timed(("status", "status_until"), f"{_STRICTNESS.format(row='{new}')} > {_STRICTNESS.format(row='{old}')}"),
        Timed(
            ("birth_date",),
            "GREATEST({new}.birth_date, {old}.birth_date) IS DISTINCT FROM {old}.birth_date",
            valid_if="extract(year FROM {birth_date}) = {birth_year}",
        ),
        Timed(("stake_limit",), _is_lower("stake_limit")),
        Timed(("limit_left",), _is_lower("limit_left")),
        Timed(("is_withheld",), "({new}.is_withheld AND NOT {old}.is_withheld)"),
        Timed(("personalisation",), "({old}.personalisation AND NOT {new}.personalisation)", false_restricts=True),
    ),
    # without the birth year: a message may have set null, of a user whose age the casino no longer knows
    unknown=tuple((column, "''") for column in ("name", "surname", "currency", "country", "gender")),
    highest=("birth_year",),
)

_PROFILES = "INSERT INTO users_profile (user_id) SELECT unnest(%s::bigint[]) ON CONFLICT (user_id) DO NOTHING"


def store_users(rows: Sequence[UserRow | UserChange | Removal]) -> list[Outcome]:
    """Store users, a profile for each user without one, and the coupons that were waiting for them.

    Of several rows of one user, the row with the latest `timestamp` wins, of equal ones the last. Of several statuses,
    birth dates, limits or values of `personalisation`, the latest wins, of equal ones the strictest.
    """
    rows = with_stored_ids(Kind.USERS, rows)
    with casino_atomic():
        lock_waiting_coupons()
        lock_removed_users(rows)
        return store_in_order(rows, _store)


def _store(rows: Rows) -> list[Outcome]:
    outcomes = store_rows(rows, USERS, remove_users)
    if changed := written_ids(outcomes):
        execute(_PROFILES, [changed])
        store_coupons_waiting_for(changed)
    return outcomes
