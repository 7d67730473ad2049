"""Coupons that have waited for their users too long become dead letters."""

import logging
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error

from recommendations.storing import take_expired_coupons
from tenants.connections import casino_atomic
from tenants.context import use_casino
from tenants.models import Casino

from .batches import CasinoStore
from .catalogue import asking_catalogue
from .envelopes import unpack
from .intake import Verdict, count_verdicts
from .ledger import write_counts
from .messages import Rejection
from .topics import Topic

logger = logging.getLogger(__name__)

EVERY_SECONDS = 600.0
CASINOS_A_STEP = 3  # so that a thousand casinos don't keep the consumer from its messages


class Expiry:
    """Looks at every casino in turn, a few at each step, every ten minutes. Several consumers may do so at once."""

    def __init__(self, topic: Topic, store: CasinoStore) -> None:
        self._topic = topic
        self._store = store
        self._next_round = 0.0
        self._due: list[Casino] = []

    def step(self, now: datetime) -> None:
        """Raises NotDelivered, and then what was expired waits on; EverythingAway if the catalogue does not answer."""
        if not self._due and time.monotonic() >= self._next_round:
            with asking_catalogue():
                self._due = list(Casino.objects.ready().order_by("-pk"))
            self._next_round = time.monotonic() + EVERY_SECONDS
        for _ in range(min(CASINOS_A_STEP, len(self._due))):
            casino = self._due.pop()
            if self._store.availability.is_away(casino.pk):
                continue
            try:
                with use_casino(casino.current):
                    self._expire(now)
            except Error as error:
                logger.info("%s: coupons that wait were not looked at: %s", casino, error)

    def _expire(self, now: datetime) -> None:
        """Dead letters first, then the commit: after a crash between the two one is written twice, and lost never."""
        days = settings.WAITING_COUPON_DAYS
        refusal = Rejection("unknown_user", "user_id", f"user_id is of no user who came within {days:g} days")
        with casino_atomic():
            messages = [message for _, message in take_expired_coupons(now - timedelta(days=days)) if message]
            if not messages:
                return
            verdicts = [Verdict.reject(unpack(message), refusal) for message in messages]
            self._store.bury(verdicts, now)
            write_counts(self._topic.name, count_verdicts(verdicts), now)
        self._store.report(verdicts)
