"""The readiness of this process, and the state of each part that it needs."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf

from django.conf import settings
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from ingestion.kafka.client import broker_state
from tenants.postgresql.stalls import stalls
from tenants.postgresql.wait_budget import request_budget, waiting_within
from tenants.process_state import register
from tenants.schema.template import is_template_ready

_TTL_SECONDS = 2.0  # probes need no authentication, and may be frequent
_BROKER_SECONDS = 1.0
_DATABASE_SECONDS = 3.0
_CHECK_SECONDS = _DATABASE_SECONDS + _BROKER_SECONDS + 2.0  # a longer check hangs in a call without a budget
OK = "ok"


@dataclass(frozen=True, slots=True)
class Readiness:
    """`parts`: the state of each part, "ok" or the problem. Without the catalogue, no request is answered; without a
    database server, no request for its casinos. Without the broker, served recommendations are not stored; without a
    template, casinos take longer to create."""

    parts: Mapping[str, str]

    @property
    def is_ready(self) -> bool:
        return self.parts["catalogue"] == OK

    @property
    def status(self) -> str:
        if not self.is_ready:
            return "unready"
        return "ready" if all(state in (OK, "off") for state in self.parts.values()) else "degraded"


class ReadinessCheck:
    """Checks all parts, at most once in `_TTL_SECONDS`. Thread-safe: during a check, other threads get the last result.
    A check of more than `most_seconds` hangs, as a look-up of a host's name may; until it ends, other threads report
    the catalogue as unavailable."""

    _guard: threading.Lock
    _until: float
    _began: float

    def __init__(self, check: Callable[[], Readiness], most_seconds: float) -> None:
        self._check = check
        self._most_seconds = most_seconds
        self._readiness = Readiness({"catalogue": "not checked yet"})
        self.reset()

    def get(self) -> Readiness:
        now, guard = time.monotonic(), self._guard
        if now >= self._until and guard.acquire(blocking=False):
            self._began = now
            try:
                self._readiness = self._check()
                self._until = time.monotonic() + _TTL_SECONDS
            finally:
                self._began = inf
                guard.release()
        elif now - self._began > self._most_seconds:
            return Readiness({"catalogue": "unavailable"})
        return self._readiness

    def reset(self) -> None:
        """Make the next call check. Also called after a fork, in which another thread's check never ends."""
        self._guard = threading.Lock()
        self._until, self._began = 0.0, inf


def _check() -> Readiness:
    parts: dict[str, Callable[[], str]] = {
        "catalogue": _catalogue,
        "database_servers": _database_servers,
        "template": _template,
        "broker": _broker,
    }
    with waiting_within(request_budget(_DATABASE_SECONDS)):
        return Readiness({name: check() for name, check in parts.items()})


readiness_check = ReadinessCheck(_check, _CHECK_SECONDS)
register("readiness", reset=readiness_check.reset)


def _catalogue() -> str:
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 1")
        return OK if _is_migrated() else "behind: run manage.py create_catalogue"
    except DatabaseError:
        return "unavailable"


def _database_servers() -> str:
    silent = stalls.silent_servers()
    return f"no answer from {', '.join(silent)}" if silent else OK


def _template() -> str:
    try:
        return OK if is_template_ready() else "missing: the next casino takes longer to create"
    except DatabaseError:
        return "unavailable"


def _broker() -> str:
    if not settings.PUBLISH_RECOMMENDATIONS:
        return "off"
    return broker_state(_BROKER_SECONDS)


_migrated: set[str] = set()
register("migrated catalogues")  # no reset: looking for migrations is slow


def _is_migrated() -> bool:
    """Whether the catalogue is migrated. It stays so: this process's code has no further migrations."""
    name = str(connections["default"].settings_dict["NAME"])
    if name not in _migrated:
        executor = MigrationExecutor(connections["default"])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _migrated.add(name)
    return True
