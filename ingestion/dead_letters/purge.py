"""Purges dead letters, and deletes those that were closed long ago."""

from datetime import datetime
from typing import Any

from ingestion.models import DeadLetter
from tenants.models.dead_letter import DeadLetterState, UnassignedDeadLetter

from .tables import Letters


def purge(letters: Letters, now: datetime) -> int:
    """Close the open dead letters of these for good, delete their content, and return their number. The rest of the row
    stays until it is pruned, as a record of the purge."""
    return int(
        letters.filter(state=DeadLetterState.OPEN)
        .order_by()
        .update(
            state=DeadLetterState.PURGED,
            closed_at=now,
            key=None,
            value=None,
            headers=None,
            user_id=None,
            other_user_ids=None,
            size=0,
        )
    )


def prune_closed(before: datetime, at_most: int) -> int:
    """Delete dead letters of the current casino that were closed before `before`, and return their number."""
    return _delete_closed(DeadLetter.objects.all(), before, at_most)


def prune_closed_unassigned(before: datetime, at_most: int) -> int:
    """Like `prune_closed`, in the catalogue."""
    return _delete_closed(UnassignedDeadLetter.objects.all(), before, at_most)


def _delete_closed(letters: Any, before: datetime, at_most: int) -> int:
    old = letters.filter(closed_at__lt=before).order_by("closed_at", "pk").values("pk")[:at_most]
    count, _ = letters.filter(pk__in=old).delete()
    return int(count)
