"""What a consumer does beside its messages, for every casino now and then."""

import logging
import time
from abc import ABC, abstractmethod
from datetime import datetime

from django.db import Error

from ingestion.storing.casinos import asking_catalogue
from ingestion.storing.dispatch import CasinoStore
from tenants.models import Casino
from tenants.routing.context import use_casino

logger = logging.getLogger(__name__)

CASINOS_A_STEP = 3  # so that a thousand casinos don't keep the consumer from its messages


class MaintenanceTask(ABC):
    """Looks at casinos in turn, a few at each step: at all of them every ten minutes, where a chore says nothing else.
    Several consumers may do so at once."""

    every_seconds = 600.0

    def __init__(self, store: CasinoStore) -> None:
        self._store = store
        self._next_round = 0.0
        self._due: list[Casino] = []

    def step(self, now: datetime) -> None:
        """Raises NotDelivered, and then what was to be done waits; AllDatabasesUnavailable if the catalogue does not answer."""
        if not self._due and time.monotonic() >= self._next_round:
            with asking_catalogue():
                self._due = self.casinos()
            self._next_round = time.monotonic() + self.every_seconds
        for _ in range(min(CASINOS_A_STEP, len(self._due))):
            casino = self._due.pop()
            if self._store.availability.is_away(casino.pk):
                continue
            try:
                with use_casino(casino.current):
                    is_done = self.do(now)
            except Error as error:
                logger.info("%s: %s is put off: %s", casino, type(self).__name__, error)
            else:
                if not is_done:
                    self._due.insert(0, casino)  # after all others

    def casinos(self) -> list[Casino]:
        """Those to look at this time, the last one first."""
        return list(Casino.objects.ready().order_by("-pk"))

    @abstractmethod
    def do(self, now: datetime) -> bool:
        """Do it for the current casino; False if there is more to do at once. May raise django.db.Error."""
