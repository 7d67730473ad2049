"""The attribution job's queue: notes of coupons, answers, impressions, user-days and days that are due.

A trigger notes stored coupons and answers in their transaction (migrations 0048 and 0054). The code that deletes rows
notes the affected coupons and sums.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from recommendations.models import Due
from tenants.routing.connections import execute, query

from .user_days import UserAndDay

T = TypeVar("T")

IDS_OF_NOTE = 500  # equal to the trigger's

# The lock excludes erasures from the job: otherwise the job could store rows of a user whom it read before the erasure.
_LOCK = "SELECT {}('due_attributions'::regclass::oid::bigint)"

_TAKE = """
WITH first AS (
    SELECT id, cardinality(ids) + cardinality(recommendations) AS size FROM due_attributions
    WHERE kind <> 'days' ORDER BY id LIMIT %s
), counted AS (SELECT id, sum(size) OVER (ORDER BY id) - size AS before FROM first)
DELETE FROM due_attributions WHERE id IN (SELECT id FROM counted WHERE before < %s)
RETURNING kind, ids, days, recommendations
"""
_TAKE_DAYS = "DELETE FROM due_attributions WHERE kind = 'days' RETURNING days"
_ADD = "INSERT INTO due_attributions (kind, ids, days) VALUES (%s, %s::bigint[], %s::date[])"
_COUNT = """
SELECT coalesce(sum(cardinality(ids) + cardinality(recommendations)), 0),
    coalesce(extract(epoch FROM now() - min(added_at)), 0)::float8
FROM due_attributions WHERE kind <> 'days'
"""


@dataclass(frozen=True, slots=True)
class Notes:
    """The rows that a step has to process."""

    coupons: frozenset[int]
    answers: frozenset[int]
    impressions: frozenset[UUID]
    user_days: frozenset[UserAndDay]

    def __bool__(self) -> bool:
        return bool(self.coupons or self.answers or self.impressions or self.user_days)


def lock_attribution() -> None:
    """Lock attribution until the transaction ends, after the job's current step. Call it before rows are locked."""
    execute(_LOCK.format("pg_advisory_xact_lock"))


def try_lock_attribution() -> bool:
    """Lock attribution until the transaction ends; False if another transaction holds the lock."""
    [(is_locked,)] = query(_LOCK.format("pg_try_advisory_xact_lock"))
    return bool(is_locked)


def take_notes(ids: int) -> Notes:
    """Delete the oldest notes, up to the one that reaches `ids` rows, and return their rows."""
    found: dict[str, set[Any]] = {kind: set() for kind in Due}
    for kind, noted, days, recommendations in query(_TAKE, [ids, ids]):
        pairs = zip(noted, days, strict=False)
        found[kind].update(pairs if kind == Due.USER_DAYS else noted or recommendations)
    kinds = (Due.COUPONS, Due.ANSWERS, Due.IMPRESSIONS, Due.USER_DAYS)
    return Notes(*(frozenset(found[kind]) for kind in kinds))


def take_days() -> set[date]:
    """Delete the notes of days whose sums are due, and return the days."""
    return {day for (days,) in query(_TAKE_DAYS) for day in days}


def note_coupons(coupon_ids: Sequence[int]) -> None:
    """Queue these coupons for attribution."""
    for part in _parts(coupon_ids):
        execute(_ADD, [Due.COUPONS, part, []])


def note_user_days(pairs: Collection[UserAndDay]) -> None:
    """Queue the sums of these user-days."""
    for part in _parts(sorted(pairs)):
        execute(_ADD, [Due.USER_DAYS, [user_id for user_id, _ in part], [day for _, day in part]])


def note_days(days: Iterable[date]) -> None:
    """Queue the sums of these days."""
    if noted := sorted(days):
        execute(_ADD, [Due.DAYS, [], noted])


def count_due() -> tuple[int, float]:
    """The number of noted rows of the current casino, and the age of the oldest note in seconds."""
    [(count, seconds)] = query(_COUNT)
    return int(count), float(seconds)


def _parts(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[start : start + IDS_OF_NOTE] for start in range(0, len(items), IDS_OF_NOTE))
