"""Merges casinos' tallies of coupons, and deletes old rows: tallies, served recommendations, impressions,
Idempotency-Keys and closed dead letters."""

from datetime import datetime, timedelta

from django.conf import settings

from ingestion.catalogue import catalogue_required
from ingestion.dead_letters.purge import prune_closed, prune_closed_unassigned
from ingestion.uploads.ledger import prune_uploads
from recommendations.attribution.pruning import prune_user_days
from recommendations.storing import (
    MERGE_SECONDS,
    count_offered_outcomes,
    merge_casino_sums,
    prune_casino_tallies,
    prune_impressions,
    prune_markets,
    prune_recommendations,
)
from tenants.models import Casino
from tenants.routing.connections import casino_atomic

from .base import MaintenanceTask

_PRICE_RETENTION = timedelta(days=1)
ROWS_PER_STEP = 2_000  # takes some ten milliseconds


class ServedPruning(MaintenanceTask):
    """Deletes recommendations that were served more than `SERVED_RECOMMENDATIONS_DAYS` ago, the oldest first."""

    def run(self, now: datetime) -> bool:
        before = now - timedelta(days=settings.SERVED_RECOMMENDATIONS_DAYS)
        with casino_atomic():
            return prune_recommendations(before, ROWS_PER_STEP) < ROWS_PER_STEP


class ImpressionPruning(MaintenanceTask):
    """Deletes impressions older than the served recommendations that are kept, the oldest first."""

    def run(self, now: datetime) -> bool:
        before = now - timedelta(days=settings.SERVED_RECOMMENDATIONS_DAYS)
        with casino_atomic():
            return prune_impressions(before, ROWS_PER_STEP) < ROWS_PER_STEP


class SalesPruning(MaintenanceTask):
    """Deletes attributions and daily totals of users older than `USER_DAYS_DAYS`; the casino's daily totals stay."""

    def run(self, now: datetime) -> bool:
        before = (now - timedelta(days=settings.USER_DAYS_DAYS)).date()
        with casino_atomic():
            return prune_user_days(before, ROWS_PER_STEP) < ROWS_PER_STEP


class MarketPruning(MaintenanceTask):
    """Deletes prices whose event did not arrive within a day, or ended a day ago. Runs for casinos with prices."""

    def run(self, now: datetime) -> bool:
        return prune_markets(now - _PRICE_RETENTION, ROWS_PER_STEP) < ROWS_PER_STEP


class UploadPruning(MaintenanceTask):
    """Deletes the ledger entries of requests received more than `IDEMPOTENCY_KEY_DAYS` ago, the oldest first."""

    def run(self, now: datetime) -> bool:
        before = now - timedelta(days=settings.IDEMPOTENCY_KEY_DAYS)
        with casino_atomic():
            return prune_uploads(before, ROWS_PER_STEP) < ROWS_PER_STEP


class TallyPruning(MaintenanceTask):
    """Merges casinos' tallies, deletes those of selections that users no longer bet on, and counts the offered
    outcomes."""

    def run(self, now: datetime) -> bool:
        if not prune_casino_tallies(now):
            return False
        count_offered_outcomes(now)
        return True


class TallyMerging(MaintenanceTask):
    """Merges the tallies of casinos without recent coupons; otherwise storing coupons merges them."""

    interval_seconds = MERGE_SECONDS

    def casinos(self) -> list[Casino]:
        idle = self._store.pop_idle_casinos(self.interval_seconds)
        return list(Casino.objects.ready().filter(pk__in=idle)) if idle else []

    def run(self, now: datetime) -> bool:
        return merge_casino_sums()


class DeadLetterPruning(MaintenanceTask):
    """Deletes dead letters that were replayed or purged more than `DEAD_LETTER_DAYS` ago, the oldest first, beginning
    with the catalogue's. Open dead letters are never deleted."""

    def step(self, now: datetime) -> None:
        if not self.due:
            with catalogue_required():
                prune_closed_unassigned(_before(now), ROWS_PER_STEP)
        super().step(now)

    def run(self, now: datetime) -> bool:
        with casino_atomic():
            return prune_closed(_before(now), ROWS_PER_STEP) < ROWS_PER_STEP


def _before(now: datetime) -> datetime:
    return now - timedelta(days=settings.DEAD_LETTER_DAYS)
