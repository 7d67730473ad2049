"""The PostgreSQL servers: how each is reached, and statements about whole databases on them.

Each has one or two addresses. Requests take the first, which may be a pooler's (PgBouncer in transaction mode). What
needs the server itself (locks, CREATE DATABASE, migrations, dumps) takes the *direct* one; without one of its own it is
the first.
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
    """Names of the servers that the environment says how to reach."""
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
            f"Nothing is known of the database server {server!r}: set DATABASE_SERVER_{server.upper()}_URL, "
            f"as for {', '.join(known_servers())}."
        )
    options = {**catalogue["OPTIONS"], **place.get("OPTIONS", {})}
    return {**catalogue, **place, "NAME": db_name, "OPTIONS": options, "TEST": {**catalogue["TEST"]}}


@contextmanager
def server_cursor(db_name: str | None = None, *, server: str = MAIN) -> Iterator[CursorWrapper]:
    """A cursor in autocommit on a fresh direct connection, by default to the catalogue's database; on another server,
    to `postgres`, which is always there."""
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
