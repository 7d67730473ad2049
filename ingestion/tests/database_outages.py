"""Databases that go away and come back, while a consumer runs."""

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
def database_away(casino: Casino, *, through: str = "default") -> Iterator[Callable[[], None]]:
    """The casino's database under another name: connecting to it says that it does not exist. Gives what brings it
    back; the end of the block does so too. `through` is a database that does not go."""
    here, away = str(casino.db_name), f"{casino.db_name}_away"
    connections[casino.current.alias].close()
    execute(through, _END_SESSIONS, here)
    execute(through, f'ALTER DATABASE "{here}" RENAME TO "{away}"')
    back = iter([f'ALTER DATABASE "{away}" RENAME TO "{here}"'])

    def come_back() -> None:
        for statement in back:
            execute(through, statement)

    try:
        yield come_back
    finally:
        come_back()


class Catalogue:
    """The catalogue's database, which takes no connections while it is away. `through` is a database that does."""

    def __init__(self, through: str) -> None:
        self.is_away = self.was_away = False
        self._name = connections["default"].settings_dict["NAME"]
        self._through = through

    def go(self) -> None:
        self.is_away = self.was_away = True
        execute(self._through, f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS false')
        execute(self._through, _END_SESSIONS, self._name)

    def come_back(self) -> None:
        self.is_away = False
        execute(self._through, f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS true')


@contextmanager
def catalogue(*, through: str = "casino_2") -> Iterator[Catalogue]:
    """The catalogue, which is back at the end of the block at the latest."""
    catalogue = Catalogue(through)
    try:
        yield catalogue
    finally:
        catalogue.come_back()
        connections["default"].close()


def cut_sessions(alias: str, *, through: str = "casino_2") -> None:
    execute(through, _END_SESSIONS, connections[alias].settings_dict["NAME"])
