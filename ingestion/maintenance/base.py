"""The base class of maintenance tasks."""

import logging
import time
from abc import ABC, abstractmethod
from datetime import datetime

from django.conf import settings
from django.db import Error

from ingestion.catalogue import catalogue_required
from ingestion.errors import AllDatabasesUnavailable, DeadLettersFull
from ingestion.storing.casino_store import CasinoStore
from ingestion.storing.database_errors import first_line
from tenants.models import Casino
from tenants.postgresql.wait_budget import waiting_at_most
from tenants.routing.context import use_casino

logger = logging.getLogger(__name__)


class MaintenanceTask(ABC):
    """Runs for each casino once per interval, a few casinos at each step. Several consumers may run it at once.

    `due` are the casinos left of this round; the next round starts at `next_round_at` (of time.monotonic()). `failures`
    are those of this round, and `casino` is the current one in `run`.
    """

    casino: Casino

    interval_seconds = 600.0
    casinos_per_step = 3  # few: a thousand casinos must not delay the consumer's messages

    def __init__(self, store: CasinoStore) -> None:
        self.due: list[Casino] = []
        self.failures: list[str] = []
        self.next_round_at = 0.0
        self._store = store

    def step(self, now: datetime) -> None:
        """Run for the next due casinos; start a round if none is due. Raises AllDatabasesUnavailable."""
        if not self.due:
            with catalogue_required():
                self.due = self.casinos()
            self.failures = []
            self.next_round_at = time.monotonic() + self.interval_seconds
        for _ in range(min(self.casinos_per_step, len(self.due))):
            casino = self.due.pop()
            if self._store.circuit_breaker.is_open(casino.pk):
                continue
            if not self._run_for(casino, now):
                self.due.insert(0, casino)  # after all others

    def _run_for(self, casino: Casino, now: datetime) -> bool:
        """Run for a casino. Returns False if the task must run again in this round. A failure postpones it to the next
        round."""
        try:
            with waiting_at_most(settings.INGESTION_TRANSACTION_SECONDS), use_casino(casino.current):
                self.casino = casino
                return self.run(now)
        except AllDatabasesUnavailable:
            raise
        except (Error, DeadLettersFull) as error:
            self.failures.append(f"{casino}: {type(self).__name__}: {first_line(error)}")
            logger.info("%s: %s is postponed: %s", casino, type(self).__name__, error)
        except Exception as error:  # the contents of one casino's database must not stop the consumer
            self.failures.append(f"{casino}: {type(self).__name__}: {error!r}")
            logger.exception("%s: %s failed and is postponed", casino, type(self).__name__)
        return True

    def casinos(self) -> list[Casino]:
        """The casinos of the next round, in reverse order: the last one is processed first."""
        return list(Casino.objects.ready().order_by("-pk"))

    @abstractmethod
    def run(self, now: datetime) -> bool:
        """Run for the current casino; False if it must run again in this round."""
