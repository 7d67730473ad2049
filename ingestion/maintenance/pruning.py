"""What coupons add up to is brought up to date, and what says nothing any more is deleted."""

from datetime import datetime, timedelta

from django.conf import settings

from recommendations.storing import MERGE_SECONDS, merge_casino_sums, prune_casino_tallies, prune_recommendations
from tenants.models import Casino
from tenants.routing.connections import casino_atomic

from .base import MaintenanceTask

ROWS_A_STEP = 2_000  # some ten milliseconds


class ServedPruning(MaintenanceTask):
    """Deletes recommendations that were served more than `SERVED_RECOMMENDATIONS_DAYS` ago, the oldest first."""

    def do(self, now: datetime) -> bool:
        before = now - timedelta(days=settings.SERVED_RECOMMENDATIONS_DAYS)
        with casino_atomic():
            return prune_recommendations(before, ROWS_A_STEP) < ROWS_A_STEP


class TallyPruning(MaintenanceTask):
    """Brings casinos' tallies up to date, and deletes those of what is no longer bet on."""

    def do(self, now: datetime) -> bool:
        prune_casino_tallies(now)
        return True


class TallyFolding(MaintenanceTask):
    """Brings the tallies of casinos up to date whose coupons have stopped coming: while they come, storing does it."""

    every_seconds = MERGE_SECONDS

    def casinos(self) -> list[Casino]:
        quiet = self._store.take_quiet(self.every_seconds)
        return list(Casino.objects.ready().filter(pk__in=quiet)) if quiet else []

    def do(self, now: datetime) -> bool:
        return merge_casino_sums()
