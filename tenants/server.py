"""Statements about whole databases, on a connection of their own outside every transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.utils import CursorWrapper

# Any fixed number will do; it is one key of PostgreSQL's advisory locks, in the catalogue database.
_PROVISIONING_LOCK = 7_203_114


@contextmanager
def server_cursor(db_name: str | None = None) -> Iterator[CursorWrapper]:
    """A cursor in autocommit on a fresh connection to the catalogue's server (to `db_name`, or the catalogue)."""
    connection = connections["default"].copy()
    if db_name is not None:
        connection.settings_dict = {**connection.settings_dict, "NAME": db_name}
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@contextmanager
def provisioning_lock() -> Iterator[CursorWrapper]:
    """A server cursor that no other process holds: the template must not be open while it is being copied."""
    with server_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_PROVISIONING_LOCK])
        yield cursor  # closing the connection lets the lock go, also after a crash


def database_exists(cursor: CursorWrapper, db_name: str) -> bool:
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [db_name])
    return cursor.fetchone() is not None


def quoted(name: str) -> Any:
    """`name` as a quoted SQL identifier."""
    return connections["default"].ops.quote_name(name)
