"""Which databases can be stored to now: the catalogue's, by asking it, and each casino's, by a circuit breaker."""

import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import Error, connection

from ingestion.errors import AllDatabasesUnavailable
from tenants.current_casino import CATALOGUE
from tenants.models import Casino
from tenants.models.casino import ENDED_STATES

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 30.0


@contextmanager
def catalogue_required() -> Iterator[None]:
    """Raises AllDatabasesUnavailable if a query of the block to the catalogue's database fails."""
    try:
        yield
    except Error as error:
        raise AllDatabasesUnavailable(f"the catalogue's database is unavailable: {error}") from error


def find_casinos(ids: Iterable[int | None]) -> dict[int, Casino]:
    """The casinos with these ids, except deleted ones; their configurations are not loaded. Raises
    AllDatabasesUnavailable."""
    with catalogue_required():
        casinos = Casino.objects.using(CATALOGUE).exclude(state__in=ENDED_STATES)
        wanted = [each for each in ids if each is not None]
        return casinos.defer("recommendation_schema", "options").in_bulk(wanted)


def require_catalogue() -> None:
    """Raises AllDatabasesUnavailable unless the catalogue's database answers."""
    with catalogue_required(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@dataclass(slots=True)
class _Outage:
    reason: str
    backoff_seconds: float
    retry_at: float


class CircuitBreaker:
    """The unavailable casino databases, and when to try each again (in time.monotonic() seconds)."""

    def __init__(self) -> None:
        self._outages: dict[int, _Outage] = {}

    def is_open(self, casino_id: int) -> bool:
        """Whether it is too early to try the casino's database again."""
        outage = self._outages.get(casino_id)
        return outage is not None and time.monotonic() < outage.retry_at

    def reason(self, casino_id: int) -> str:
        """Why the casino's messages are parked."""
        outage = self._outages.get(casino_id)
        return "earlier messages are still parked" if outage is None else outage.reason

    def record_failure(self, casino_id: int, reason: str) -> None:
        """Open the circuit, with exponential backoff and jitter, so that consumers do not retry at the same time."""
        outage = self._outages.get(casino_id)
        seconds = FIRST_RETRY_SECONDS if outage is None else min(outage.backoff_seconds * 2, LAST_RETRY_SECONDS)
        jitter = random.uniform(0.8, 1.2)
        self._outages[casino_id] = _Outage(reason, seconds, time.monotonic() + seconds * jitter)

    def record_success(self, casino_id: int) -> None:
        self._outages.pop(casino_id, None)

    def __len__(self) -> int:
        return len(self._outages)
