"""The queue of notes: which coupons, answers, users' days and days are due for the attribution job.

A trigger notes stored coupons and answers in their transaction (migrations 0048 and 0054). The code that deletes rows
notes what is to be summed without them.
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

IDS_OF_NOTE = 500  # as the trigger's

# The job and erasures exclude one another: else the job could store rows of a user whom it read before the erasure.
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
    """What a step has to do."""

    coupons: frozenset[int]
    answers: frozenset[int]
    impressions: frozenset[UUID]
    user_days: frozenset[UserAndDay]

    def __bool__(self) -> bool:
        return bool(self.coupons or self.answers or self.impressions or self.user_days)


def lock_attribution() -> None:
    """Wait for the job's step, and keep the next one out until the transaction ends. To call before rows are locked."""
    execute(_LOCK.format("pg_advisory_xact_lock"))


def try_lock_attribution() -> bool:
    """Whether no other transaction attributes, or erases."""
    [(is_locked,)] = query(_LOCK.format("pg_try_advisory_xact_lock"))
    return bool(is_locked)


def take_notes(ids: int) -> Notes:
    """Delete the oldest notes, of some more than `ids` rows at most, and return what they say."""
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
    """Have these coupons attributed."""
    for part in _parts(coupon_ids):
        execute(_ADD, [Due.COUPONS, part, []])


def note_user_days(pairs: Collection[UserAndDay]) -> None:
    """Have these users' days summed."""
    for part in _parts(sorted(pairs)):
        execute(_ADD, [Due.USER_DAYS, [user_id for user_id, _ in part], [day for _, day in part]])


def note_days(days: Iterable[date]) -> None:
    """Have these days summed."""
    if noted := sorted(days):
        execute(_ADD, [Due.DAYS, [], noted])


def count_due() -> tuple[int, float]:
    """The number of noted rows of the current casino, and the age of the oldest note in seconds."""
    [(count, seconds)] = query(_COUNT)
    return int(count), float(seconds)


def _parts(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[start : start + IDS_OF_NOTE] for start in range(0, len(items), IDS_OF_NOTE))
