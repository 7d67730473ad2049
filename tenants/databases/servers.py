"""The PostgreSQL servers: their addresses, and statements about whole databases.

A server has one or two addresses. Requests use the first, which may be a pooler's (PgBouncer in transaction mode).
Locks, CREATE DATABASE, migrations and dumps need the server itself: they use the *direct* address, or else the first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.backends.utils import CursorWrapper

from tenants.current_casino import MAIN
from tenants.errors import UnknownServer


def known_servers() -> list[str]:
    """Names of the servers whose address is in the environment."""
    return [MAIN, *sorted(settings.DATABASE_SERVERS)]


def database_settings(server: str, db_name: str, *, direct: bool = False) -> dict[str, Any]:
    """Django's settings of a database on a server. Raises UnknownServer."""
    catalogue = connections.settings["default"]
    if server == MAIN:
        place = settings.DIRECT_DATABASE if direct else {}
    elif server in settings.DATABASE_SERVERS:
        addresses = settings.DATABASE_SERVERS[server]
        place = addresses["direct"] if direct and "direct" in addresses else addresses["requests"]
    else:
        raise UnknownServer(
            f"The database server {server!r} has no address: set DATABASE_SERVER_{server.upper()}_URL. "
            f"Servers with an address: {', '.join(known_servers())}."
        )
    options = {**catalogue["OPTIONS"], **place.get("OPTIONS", {})}
    named = {"NAME": db_name, "SERVER": server, "OPTIONS": options, "TEST": {**catalogue["TEST"]}}
    return {**catalogue, **place, **named}


@contextmanager
def server_cursor(db_name: str | None = None, *, server: str = MAIN) -> Iterator[CursorWrapper]:
    """A cursor in autocommit on a new direct connection, by default to the catalogue's database; on another server, to
    `postgres`, which always exists."""
    default = connections["default"].settings_dict["NAME"] if server == MAIN else "postgres"
    connection = connections["default"].copy()
    connection.settings_dict = database_settings(server, db_name or default, direct=True)
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def database_exists(cursor: CursorWrapper, db_name: str) -> bool:
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [db_name])
    return cursor.fetchone() is not None


def quoted(name: str) -> Any:
    """`name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
