"""Database aliases of casinos, registered when first used, and the current casino's connection."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.db import connections, transaction
from django.utils.connection import ConnectionDoesNotExist

from tenants.current_casino import CurrentCasino
from tenants.databases.roles import login_of
from tenants.databases.servers import database_settings
from tenants.postgresql.base import DatabaseWrapper
from tenants.postgresql.pool import POOL, PoolMetrics, this_thread
from tenants.process_state import register

from .context import get_current_casino

Parameters = Sequence[Any] | Mapping[str, Any]

_registering = threading.Lock()
register("database aliases of casinos")  # no reset: connections that tests keep have them


class Databases(dict[str, Any]):
    """Django's dictionary of databases; `in` and `[]` also find the casinos' databases.

    Iteration yields the declared databases and the casinos' to which this thread has a connection: Django iterates
    twice a request to close old connections, which takes 1.6 ms with a thousand. Changes do not affect a running
    iteration.
    """

    def __init__(self, declared: dict[str, Any]) -> None:
        super().__init__(declared)
        self.casino_databases: dict[str, dict[str, Any]] = {}

    def __contains__(self, alias: object) -> bool:
        return alias in self.casino_databases or super().__contains__(alias)

    def __missing__(self, alias: str) -> dict[str, Any]:
        return self.casino_databases[alias]

    def __iter__(self) -> Iterator[str]:
        return iter([*super().__iter__(), *[wrapper.alias for wrapper in this_thread.checked_out.wrappers]])


def register_alias(alias: str, database: dict[str, Any]) -> str:
    """Register `alias` with Django; a registered one stays unchanged, since another thread may be using it."""
    known = _databases()
    if alias not in known:
        with _registering:
            known.casino_databases.setdefault(alias, database)
    return alias


def forget_alias(alias: str) -> None:
    """Close this process's idle connections of `alias` and this thread's own, and unregister the alias."""
    known = _databases()
    if alias not in known.casino_databases:
        POOL.close_idle(alias)  # a thread that has used the alias may still use it
        return
    connections[alias].close()
    del connections[alias]
    POOL.close_idle(alias)
    with _registering:
        known.casino_databases.pop(alias, None)


def current_alias() -> str:
    """The alias of the current casino's database. Raises NoCurrentCasino."""
    casino = get_current_casino()
    alias = casino.alias
    return alias if alias in connections.settings else register_alias(alias, _settings_for(casino))


def casino_connection() -> DatabaseWrapper:
    """The connection to the current casino's database."""
    connection: Any  # casinos' databases have this engine only
    try:
        connection = connections[get_current_casino().alias]
    except ConnectionDoesNotExist:  # the alias is not registered, and this thread has not used it
        connection = connections[current_alias()]
    wrapper: DatabaseWrapper = connection
    return wrapper


def query(sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """All rows of a query to the current casino's database."""
    with casino_connection().cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def execute(sql: str, parameters: Parameters = ()) -> None:
    """Execute statements in the current casino's database."""
    with casino_connection().cursor() as cursor:
        cursor.execute(sql, parameters)


def casino_atomic() -> AbstractContextManager[Any]:
    """A transaction (or, inside one, a savepoint) on the current casino's database; Django's bare `atomic()` uses the
    catalogue."""
    return transaction.atomic(using=current_alias())


@contextmanager
def casino_patience(seconds: float) -> Iterator[None]:
    """A transaction on the current casino's database. A statement in it that takes longer than `seconds` raises
    OperationalError."""
    with casino_atomic(), casino_connection().cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds * 1000:.0f}"])
        yield


def connection_metrics() -> PoolMetrics:
    """Statistics of this process's connections to casinos' databases."""
    return POOL.metrics()


def _databases() -> Databases:
    if not isinstance(connections.settings, Databases):
        with _registering:
            if not isinstance(connections.settings, Databases):
                connections.settings = Databases(connections.settings)
    return connections.settings


def _settings_for(casino: CurrentCasino) -> dict[str, Any]:
    database = database_settings(casino.server, casino.db_name)
    return {
        **database,
        **login_of(casino.id),
        "CASINO": casino,
        "OPTIONS": {**database["OPTIONS"], "application_name": casino.alias},
    }
