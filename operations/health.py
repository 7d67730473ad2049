"""Whether this process can serve, and what it lacks."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from ingestion.kafka.client import is_broker_reachable
from tenants.process_state import register
from tenants.schema.template import is_template_ready

_ANSWER_SECONDS = 2.0  # an answer serves all who ask within this time: whoever may not ask much may ask often
_BROKER_SECONDS = 1.0
FINE = "ok"


@dataclass(frozen=True, slots=True)
class Readiness:
    """`parts`: what each part is, "ok" or a word on what is wrong. Without the catalogue no request is answered;
    without the broker what was served is not stored, without a template no casino is created: requests are."""

    parts: Mapping[str, str]

    @property
    def is_ready(self) -> bool:
        return self.parts["catalogue"] == FINE

    @property
    def status(self) -> str:
        if not self.is_ready:
            return "unready"
        return "ready" if all(word in (FINE, "off") for word in self.parts.values()) else "degraded"


class Checkup:
    """Looks at all parts, not more often than every `_ANSWER_SECONDS`. Safe under threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._until = 0.0
        self._found = Readiness({"catalogue": "not asked yet"})

    def ask(self) -> Readiness:
        with self._guard:
            if time.monotonic() >= self._until:
                self._found = _look()
                self._until = time.monotonic() + _ANSWER_SECONDS
            return self._found

    def reset(self) -> None:
        self._until = 0.0


checkup = Checkup()
register("readiness", reset=checkup.reset)


def _look() -> Readiness:
    parts: dict[str, Callable[[], str]] = {"catalogue": _catalogue, "template": _template, "broker": _broker}
    return Readiness({name: look() for name, look in parts.items()})


def _catalogue() -> str:
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 1")
        return FINE if _is_migrated() else "behind: run manage.py create_catalogue"
    except DatabaseError:
        return "away"


def _template() -> str:
    try:
        return FINE if is_template_ready() else "to be made: the next casino takes longer to create"
    except DatabaseError:
        return "away"


def _broker() -> str:
    if not settings.PUBLISH_RECOMMENDATIONS:
        return "off"
    return FINE if is_broker_reachable(_BROKER_SECONDS) else "away"


_migrated: set[str] = set()
register("migrated catalogues")  # no reset: to look for migrations takes long


def _is_migrated() -> bool:
    """Once it is, it stays so: this code brings no more migrations."""
    name = str(connections["default"].settings_dict["NAME"])
    if name not in _migrated:
        executor = MigrationExecutor(connections["default"])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _migrated.add(name)
    return True
