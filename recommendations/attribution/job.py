"""The attribution job: takes notes from the queue, attributes their coupons, and sums the affected user-days and days.

It recomputes sums, never increments them, and it deletes notes in the transaction that stores their results. So the
order of messages, duplicates, late rows and a kill at any point do not change the results.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings

from tenants.routing.connections import casino_atomic, execute, query

from .day_sums import sum_days
from .notes import Notes, note_coupons, note_days, take_days, take_notes, try_lock_attribution
from .rule import attribute_coupons
from .user_days import UserAndDay, sum_user_days

IDS_OF_STEP = 500  # takes some 30 ms
_MAX_COUPONS = 2_000  # per step: late answers can affect more

# PostgreSQL overestimates unnested arrays and compiles the statements (JIT), which takes longer than running them.
_PLAN = "SET LOCAL jit = off"

_TOUCHED = """
SELECT DISTINCT coupon.id FROM served_recommendations AS answer JOIN purchased_coupons AS coupon
ON coupon.user_id = answer.user_id AND coupon.timestamp >= answer.timestamp
AND coupon.timestamp <= answer.timestamp + %s WHERE answer.id = ANY(%s)
"""
_DAYS_OF = """
SELECT user_id, (timestamp AT TIME ZONE 'UTC')::date FROM purchased_coupons WHERE id = ANY(%(coupons)s)
UNION SELECT user_id, day FROM attributions WHERE coupon_id = ANY(%(coupons)s)
UNION SELECT user_id, (timestamp AT TIME ZONE 'UTC')::date FROM served_recommendations WHERE id = ANY(%(answers)s)
UNION SELECT user_id, (timestamp AT TIME ZONE 'UTC')::date FROM served_recommendations
WHERE recommendation_id = ANY(%(impressions)s)
"""


@dataclass(frozen=True, slots=True)
class Step:
    """The result of a step: the number of attributed `coupons`. `is_last` means that the queue was empty."""

    coupons: int
    is_last: bool


def first_open_day(now: datetime, window: timedelta) -> date:
    """The first day (UTC) that can be recomputed: its answers, and those up to `window` before it, are all stored.
    Today, if served recommendations are kept for no longer than `window`."""
    earliest = now - timedelta(days=settings.SERVED_RECOMMENDATIONS_DAYS) + window
    return min(earliest.astimezone(UTC).date() + timedelta(days=1), now.astimezone(UTC).date())


def attribute_step(now: datetime, window: timedelta, ids: int = IDS_OF_STEP) -> Step | None:
    """Process the current casino's oldest notes in one transaction; None if another process holds the lock."""
    with casino_atomic():
        if not try_lock_attribution():
            return None
        execute(_PLAN)
        notes = take_notes(ids)
        if not notes:
            return Step(0, is_last=True)
        coupons = _coupons_of(notes, window)
        first = first_open_day(now, window)
        due = _days_of(notes, coupons, first)
        attribute_coupons(coupons, window=window, since=datetime.combine(first, time.min, UTC))
        sum_user_days(due)
        note_days({day for _, day in due})
        return Step(len(coupons), is_last=False)


def sum_due_days() -> bool:
    """Compute the current casino's due sums of days; False if another process holds the lock."""
    with casino_atomic():
        if not try_lock_attribution():
            return False
        execute(_PLAN)
        sum_days(take_days())
        return True


def _coupons_of(notes: Notes, window: timedelta) -> list[int]:
    """The noted coupons, and those within `window` after a noted answer. Notes coupons beyond `_MAX_COUPONS` again."""
    touched = query(_TOUCHED, [window, list(notes.answers)]) if notes.answers else []
    coupons = sorted(notes.coupons | {coupon_id for (coupon_id,) in touched})
    note_coupons(coupons[_MAX_COUPONS:])
    return coupons[:_MAX_COUPONS]


def _days_of(notes: Notes, coupons: Collection[int], first: date) -> set[UserAndDay]:
    noted = {"coupons": list(coupons), "answers": list(notes.answers), "impressions": list(notes.impressions)}
    found = query(_DAYS_OF, noted)
    return {(user_id, day) for user_id, day in (*found, *notes.user_days) if day >= first}
