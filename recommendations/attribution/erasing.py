"""Erases a user's attributions until a time, and queues the affected sums."""

from datetime import UTC, datetime

from tenants.routing.connections import query

from .notes import note_coupons, note_days, note_user_days

_DAYS = "SELECT DISTINCT day FROM user_days WHERE user_id = %s"
_DELETE = """
WITH deleted AS (DELETE FROM {} WHERE user_id = %s AND day <= %s RETURNING 1) SELECT count(*) FROM deleted
"""
_COUPONS = "SELECT id FROM purchased_coupons WHERE user_id = %s"
_DAYS_LEFT = """
SELECT user_id, (timestamp AT TIME ZONE 'UTC')::date FROM purchased_coupons WHERE user_id = %(user)s
UNION SELECT user_id, (timestamp AT TIME ZONE 'UTC')::date FROM served_recommendations WHERE user_id = %(user)s
"""


def note_days_of(user_id: int) -> None:
    """Queue the sums of all days that count this user."""
    note_days({day for (day,) in query(_DAYS, [user_id])})


def erase_attributions_until(user_id: int, erased_at: datetime) -> dict[str, int]:
    """Delete a user's attributions and user-days until `erased_at`, and queue the user's remaining coupons and answers.
    The coupons and answers until `erased_at` must be deleted already. Returns the number of deleted rows by table."""
    note_days_of(user_id)
    day = erased_at.astimezone(UTC).date()
    deleted = {}
    for table in ("attributions", "user_days"):
        [(deleted[table],)] = query(_DELETE.format(table), [user_id, day])
    note_coupons([coupon_id for (coupon_id,) in query(_COUPONS, [user_id])])
    note_user_days({(user, each) for user, each in query(_DAYS_LEFT, {"user": user_id})})
    return deleted
