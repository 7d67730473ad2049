"""Attributes coupons to recommendations, between the batches of `consume_recommendations`."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from ingestion import metrics
from ingestion.storing.casino_store import CasinoStore
from recommendations.attribution.job import Step, attribute_step, sum_due_days
from recommendations.attribution.notes import count_due
from recommendations.serving.options import load_options
from tenants.models import Casino

from .base import MaintenanceTask

FIRST_PAUSE, LAST_PAUSE = 5.0, 40.0  # a bet must be attributed within a minute
ALL_SECONDS = 600.0
SUM_SECONDS = 60.0
_RUN_SECONDS = 0.1
_FORGET_SECONDS = 86_400.0


@dataclass(slots=True)
class _Poll:
    """The next time to look for a casino's notes of coupons. All times are of time.monotonic()."""

    next_at: float = 0.0
    pause: float = FIRST_PAUSE
    found_at: float = -inf
    sum_at: float = 0.0
    is_unsummed: bool = True


class Attribution(MaintenanceTask):
    """Attributes each casino's noted coupons every five seconds; while there are none, the pause doubles up to
    `LAST_PAUSE`. Sums the casino's days once a minute. Casinos for which this process has stored no recommendation and
    found no notes for a day are processed every ten minutes: a connection to each of a thousand databases every few
    seconds would cost more than the attribution."""

    interval_seconds = 1.0
    casinos_per_step = 20  # nearly all have no notes, which takes a millisecond

    def __init__(self, store: CasinoStore) -> None:
        super().__init__(store)
        self._polls: dict[int, _Poll] = {}
        self._all_at = 0.0

    def casinos(self) -> list[Casino]:
        now, ready = time.monotonic(), Casino.objects.ready()
        due = self._due_casino_ids(now)
        if now >= self._all_at:
            self._all_at = now + ALL_SECONDS
            return sorted(ready, key=lambda casino: (casino.pk in due, -casino.pk))
        return list(ready.filter(pk__in=due)) if due else []

    def run(self, now: datetime) -> bool:
        window = timedelta(hours=load_options(self.casino.options).attribution_hours)
        deadline = time.monotonic() + _RUN_SECONDS
        has_found = False
        while (step := _timed_step(now, window)) is not None and not step.is_last:
            has_found = True
            if time.monotonic() >= deadline:
                break
        is_done = step is None or step.is_last
        metrics.ATTRIBUTION_DUE.labels(str(self.casino.pk)).set(0 if is_done else count_due()[0])
        self._plan(has_found)
        return is_done

    def _due_casino_ids(self, now: float) -> set[int]:
        """The ids of the casinos to process now. A casino whose recommendations were just stored is processed within
        five seconds."""
        for casino_id in self._store.pop_idle_casinos(0.0):
            poll = self._polls.setdefault(casino_id, _Poll())
            poll.pause, poll.found_at = FIRST_PAUSE, now
            poll.next_at = min(poll.next_at, now + FIRST_PAUSE)
        return {casino_id for casino_id, poll in self._polls.items() if poll.next_at <= now}

    def _plan(self, has_found: bool) -> None:
        """Sum the casino's days if that is due, and set its next time."""
        now = time.monotonic()
        poll = self._polls.setdefault(self.casino.pk, _Poll())
        poll.is_unsummed |= has_found
        if poll.is_unsummed and now >= poll.sum_at:
            poll.is_unsummed, poll.sum_at = not sum_due_days(), now + SUM_SECONDS
        if has_found:
            poll.pause, poll.found_at = FIRST_PAUSE, now
        else:
            poll.pause = min(2 * poll.pause, LAST_PAUSE)
        poll.next_at = now + poll.pause
        if now - poll.found_at > _FORGET_SECONDS and not poll.is_unsummed:
            del self._polls[self.casino.pk]


def _timed_step(now: datetime, window: timedelta) -> Step | None:
    with metrics.ATTRIBUTION_SECONDS.time():
        return attribute_step(now, window)
