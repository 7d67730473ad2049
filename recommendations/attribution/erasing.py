"""What an erasure leaves to be summed, and the erasure of a user's rows until a time."""

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
    """Have the days summed again on which this user was shown or bought anything."""
    note_days({day for (day,) in query(_DAYS, [user_id])})


def erase_attributions_until(user_id: int, erased_at: datetime) -> dict[str, int]:
    """Delete the rows of a user, whose coupons and answers until `erased_at` are deleted already, and have those that
    are left attributed again. Returns the number of rows by table."""
    note_days_of(user_id)
    day = erased_at.astimezone(UTC).date()
    deleted = {}
    for table in ("attributions", "user_days"):
        [(deleted[table],)] = query(_DELETE.format(table), [user_id, day])
    note_coupons([coupon_id for (coupon_id,) in query(_COUPONS, [user_id])])
    note_user_days({(user, each) for user, each in query(_DAYS_LEFT, {"user": user_id})})
    return deleted
