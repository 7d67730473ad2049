"""Makes databases unavailable while a consumer runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

from tenants.models import Casino

_END_SESSIONS = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"


def execute(alias: str, sql: str, *parameters: Any) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, parameters)


@contextmanager
def database_unavailable(casino: Casino, *, through: str = "default") -> Iterator[Callable[[], None]]:
    """Rename the casino's database: clients find none of its name. Yields a function that restores it, as the end of
    the block does too. `through` is a database that stays available."""
    name, renamed = str(casino.db_name), f"{casino.db_name}_renamed"
    connections[casino.current.alias].close()
    execute(through, _END_SESSIONS, name)
    execute(through, f'ALTER DATABASE "{name}" RENAME TO "{renamed}"')
    statements = iter([f'ALTER DATABASE "{renamed}" RENAME TO "{name}"'])

    def restore() -> None:
        for statement in statements:
            execute(through, statement)

    try:
        yield restore
    finally:
        restore()


class Catalogue:
    """The catalogue's database, which can refuse connections. `through` is a database that stays available."""

    def __init__(self, through: str) -> None:
        self.is_stopped = self.was_stopped = False
        self._name = connections["default"].settings_dict["NAME"]
        self._through = through

    def stop(self) -> None:
        self.is_stopped = self.was_stopped = True
        execute(self._through, f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS false')
        execute(self._through, _END_SESSIONS, self._name)

    def restore(self) -> None:
        self.is_stopped = False
        execute(self._through, f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS true')


@contextmanager
def catalogue(*, through: str = "casino_2") -> Iterator[Catalogue]:
    """The catalogue, which is restored at the end of the block."""
    catalogue = Catalogue(through)
    try:
        yield catalogue
    finally:
        catalogue.restore()
        connections["default"].close()


def cut_sessions(alias: str, *, through: str = "casino_2") -> None:
    execute(through, _END_SESSIONS, connections[alias].settings_dict["NAME"])
