"""What was served is deleted when it is old."""

from datetime import datetime, timedelta

from django.conf import settings

from recommendations.storing import prune_recommendations
from tenants.connections import casino_atomic

from .chores import Chore

ROWS_A_STEP = 2_000  # some ten milliseconds


class Pruning(Chore):
    """Deletes recommendations that were served more than `SERVED_RECOMMENDATIONS_DAYS` ago, the oldest first."""

    def do(self, now: datetime) -> bool:
        before = now - timedelta(days=settings.SERVED_RECOMMENDATIONS_DAYS)
        with casino_atomic():
            return prune_recommendations(before, ROWS_A_STEP) < ROWS_A_STEP
