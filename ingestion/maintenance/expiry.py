"""Coupons that have waited for their users too long become dead letters."""

from datetime import datetime, timedelta

from django.conf import settings

from ingestion.messages.decoding import Rejection
from ingestion.messages.envelope import unpack
from ingestion.outcomes import MessageResult
from ingestion.storing.dispatch import CasinoStore
from ingestion.storing.ledger import write_counts
from ingestion.storing.transaction import count_verdicts
from ingestion.topics import Topic
from recommendations.storing import take_expired_coupons
from tenants.routing.connections import casino_atomic

from .base import MaintenanceTask


class Expiry(MaintenanceTask):
    def __init__(self, topic: Topic, store: CasinoStore) -> None:
        super().__init__(store)
        self._topic = topic

    def do(self, now: datetime) -> bool:
        """Dead letters first, then the commit: after a crash between the two one is written twice, and lost never."""
        days = settings.WAITING_COUPON_DAYS
        refusal = Rejection("unknown_user", "user_id", f"user_id is of no user who came within {days:g} days")
        with casino_atomic():
            messages = [message for _, message in take_expired_coupons(now - timedelta(days=days)) if message]
            verdicts = [MessageResult.reject(unpack(message), refusal) for message in messages]
            if verdicts:
                self._store.bury(verdicts, now)
                write_counts(self._topic.name, count_verdicts(verdicts), now)
        if verdicts:
            self._store.report(verdicts)
        return True
