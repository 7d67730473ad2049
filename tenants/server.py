"""Statements about whole databases, on a connection of their own outside every transaction."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.db import connections
from django.db.backends.utils import CursorWrapper

# An advisory lock has one 64-bit key: here the upper half is any fixed number, the lower a casino's id, or 0 for the
# template.
_LOCK = 7_203_114 << 32
_TEMPLATE = 0


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
def catalogue_lock(number: int) -> Iterator[CursorWrapper]:
    """A server cursor that no other process holds at the same time for this number (a casino's id)."""
    with server_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK + number])
        yield cursor  # closing the connection lets the lock go, also after a crash


def provisioning_lock() -> AbstractContextManager[CursorWrapper]:
    """Held by whoever uses the template: it must not be open while it is being copied."""
    return catalogue_lock(_TEMPLATE)


def database_exists(cursor: CursorWrapper, db_name: str) -> bool:
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [db_name])
    return cursor.fetchone() is not None


def quoted(name: str) -> Any:
    """`name` as a quoted SQL identifier."""
    return connections["default"].ops.quote_name(name)
