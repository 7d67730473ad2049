"""Queues stored coupons and answers for attribution, for example those of a release that did not queue them."""

from datetime import UTC, datetime, time, timedelta

from tenants.routing.connections import casino_atomic, query

from .job import first_open_day
from .notes import note_coupons, note_user_days

_COUPONS = "SELECT id FROM purchased_coupons WHERE timestamp >= %s ORDER BY user_id, id"
_DAYS = """
SELECT DISTINCT user_id, (timestamp AT TIME ZONE 'UTC')::date FROM served_recommendations WHERE timestamp >= %s
"""


def note_stored_since(since: datetime, now: datetime, window: timedelta) -> tuple[datetime, int]:
    """Queue the current casino's coupons and answers since `since` for attribution, except those of days whose
    recommendations are deleted already. Returns the first queued time, and the number of coupons."""
    first = max(since, datetime.combine(first_open_day(now, window), time.min, UTC))
    with casino_atomic():
        coupons = [coupon_id for (coupon_id,) in query(_COUPONS, [first])]
        note_coupons(coupons)
        note_user_days({(user_id, day) for user_id, day in query(_DAYS, [first])})
    return first, len(coupons)
