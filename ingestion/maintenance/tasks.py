"""The maintenance tasks of each topic's consumer, and a round of all tasks without consumers."""

import threading
from collections import Counter
from collections.abc import Iterable

from django.db import close_old_connections
from django.utils import timezone

from ingestion import metrics
from ingestion.messages.results import MessageResult
from ingestion.storing.casino_store import CasinoStore
from ingestion.topics import COUPONS, IMPRESSIONS, ODDS, RECOMMENDATIONS, USERS, Topic
from tenants.models import Casino

from .attribution import Attribution
from .base import MaintenanceTask
from .experiments import ExperimentLooks
from .expiry import CouponExpiry
from .pruning import (
    DeadLetterPruning,
    ImpressionPruning,
    MarketPruning,
    SalesPruning,
    ServedPruning,
    TallyMerging,
    TallyPruning,
    UploadPruning,
)

_RETRY_SECONDS = 0.05  # another process may be merging the same casino's tallies


def tasks_of_consumer(topic: Topic, store: CasinoStore) -> list[MaintenanceTask]:
    """The tasks that a consumer of this topic runs between its batches."""
    if topic is COUPONS:
        return [CouponExpiry(topic, store), TallyPruning(store), TallyMerging(store), UploadPruning(store)]
    if topic is USERS:  # storing a user also stores the coupons that waited for the user
        return [TallyMerging(store)]
    if topic is ODDS:
        return [MarketPruning(store)]
    if topic is IMPRESSIONS:
        return [ImpressionPruning(store)]
    if topic is RECOMMENDATIONS:
        return [ServedPruning(store), SalesPruning(store), Attribution(store), ExperimentLooks(store)]
    return [DeadLetterPruning(store)]


def run_round(stop: threading.Event, casinos: Iterable[Casino] | None = None) -> list[str]:
    """Run every task until it is done, for these casinos, or for all casinos and the catalogue. Returns the failures,
    which the next round retries. Raises AllDatabasesUnavailable."""
    store = CasinoStore(COUPONS, _count)
    # TallyPruning merges tallies first
    tasks = [
        CouponExpiry(COUPONS, store),
        *(
            kind(store)
            for kind in (
                TallyPruning,
                UploadPruning,
                Attribution,
                ExperimentLooks,
                ServedPruning,
                ImpressionPruning,
                SalesPruning,
                MarketPruning,
            )
        ),
    ]
    failures: list[str] = []
    for task in [*tasks, DeadLetterPruning(store)]:
        task.due = [] if casinos is None else list(casinos)
        _run(task, stop)
        failures += task.failures
    return failures


def _run(task: MaintenanceTask, stop: threading.Event) -> None:
    is_first = True
    while not stop.is_set() and (is_first or task.due):
        left, is_first = len(task.due), False
        close_old_connections()
        task.step(timezone.now())
        if task.due and len(task.due) == left:
            stop.wait(_RETRY_SECONDS)


def _count(results: Iterable[MessageResult]) -> None:
    counts = Counter((result.envelope.casino_id, result.outcome) for result in results)
    for (casino_id, outcome), count in counts.items():
        metrics.MESSAGES.labels(COUPONS.name, str(casino_id), outcome).inc(count)
