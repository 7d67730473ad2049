"""Database aliases of casinos, registered when first used."""

import threading
from contextlib import AbstractContextManager
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from .context import CurrentCasino, get_current_casino

_registering = threading.Lock()


def register(alias: str, db_name: str) -> str:
    """Make `alias` known to Django as the database `db_name` on the catalogue's server; a known alias stays as it is.

    The dictionary of databases is replaced, never changed: another thread may be walking it, as every request's
    `close_old_connections()` does.
    """
    if alias not in connections.settings:
        with _registering:
            connections.settings = {**connections.settings, alias: _settings_for(db_name)}
    return alias


def forget(alias: str) -> None:
    """Close this thread's connection of `alias` and make the alias unknown again."""
    if alias not in connections.settings:
        return
    connections[alias].close()
    with _registering:
        del connections[alias]
        connections.settings = {name: conf for name, conf in connections.settings.items() if name != alias}


def current_alias() -> str:
    """The alias of the current casino's database; raises NoCurrentCasino where there is none."""
    return alias_of(get_current_casino())


def alias_of(casino: CurrentCasino) -> str:
    return register(casino.alias, casino.db_name)


def casino_connection() -> BaseDatabaseWrapper:
    """The connection to the current casino's database."""
    return connections[current_alias()]


def casino_atomic() -> AbstractContextManager[Any]:
    """A transaction (or, inside one, a savepoint) on the current casino's database; Django's bare `atomic()` would
    mean the catalogue."""
    return transaction.atomic(using=current_alias())


def _settings_for(db_name: str) -> dict[str, Any]:
    catalogue = connections.settings["default"]
    options = {**catalogue["OPTIONS"], "application_name": db_name}
    return {**catalogue, "NAME": db_name, "OPTIONS": options, "TEST": {**catalogue["TEST"]}}
