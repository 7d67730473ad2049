"""Django's PostgreSQL backend for many casinos: it takes their connections from a bounded pool, and checks that each
new one leads to the right casino's database."""

import time
import weakref
from collections.abc import Callable
from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql import base
from django.db.backends.signals import connection_created
from django.db.backends.utils import CursorWrapper
from django.db.utils import DatabaseErrorWrapper
from django.utils.asyncio import async_unsafe
from django.utils.functional import cached_property

from tenants.current_casino import CurrentCasino
from tenants.errors import DatabaseReadOnly

from . import embedded
from .checkout import check_in, check_out, is_alive
from .client import DatabaseClient
from .identity import check_connection
from .prepared import PreparedCursor


class ErrorWrapper(DatabaseErrorWrapper):
    """Turns the driver's errors into Django's; a write to a read-only database is an outage, like a server that is
    unavailable."""

    wrapper: BaseDatabaseWrapper  # Django's, missing from django-stubs

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        if isinstance(exc_value, psycopg.errors.ReadOnlySqlTransaction):
            raise DatabaseReadOnly(f"{self.wrapper.alias} is read-only at present: {exc_value}") from exc_value
        super().__exit__(exc_type, exc_value, traceback)


class DatabaseWrapper(base.DatabaseWrapper):
    """One thread's access to one database. A casino's (`settings_dict["CASINO"]`) has a connection only while it is in
    use: `close()` checks it in."""

    client_class = DatabaseClient
    _configure_connection: Callable[[Any], bool]  # Django's, missing from django-stubs
    _prepare_cursor: Callable[[Any], CursorWrapper]  # the same

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.casino: CurrentCasino | None = self.settings_dict.get("CASINO")
        self._server_cursors: weakref.WeakSet[Any] | None = None
        self._used_at = 0.0

    @cached_property
    def wrap_database_errors(self) -> DatabaseErrorWrapper:
        return ErrorWrapper(self)

    @property
    def can_check_in(self) -> bool:
        """Whether another thread could use the connection: no transaction and no server-side cursor is open."""
        cursors = self._server_cursors
        return not self.in_atomic_block and (cursors is None or all(cursor.closed for cursor in cursors))

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        if settings.EMBEDDED_POSTGRES_DIR and not self.settings_dict["HOST"]:
            params["host"] = embedded.ensure_running(settings.EMBEDDED_POSTGRES_DIR)
        if self.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:  # a pooler, whose servers change between transactions
            params["prepare_threshold"] = None
        elif self.casino is not None:
            params["prepare_threshold"] = 0  # for `prepared_cursor`: Django's own cursors never prepare
        return params

    @async_unsafe
    def connect(self) -> None:
        """Like Django's; but the pool's connections are configured and in autocommit already, so that only the
        attributes that Django's `connect` sets are to be set."""
        if self.casino is None:
            super().connect()
            return
        connection = check_out(self)
        self.in_atomic_block = self.needs_rollback = self.closed_in_transaction = self.errors_occurred = False
        self.savepoint_ids, self.atomic_blocks, self.run_on_commit = [], [], []
        self.autocommit = self.health_check_done = True
        self.health_check_enabled = False  # the pool has checked it
        self.close_at = 0.0  # long past: Django closes what is left at a request's end, which checks it in
        self.connection = connection
        BaseDatabaseWrapper.init_connection_state(self)
        connection_created.send(sender=self.__class__, connection=self)

    def open(self) -> Any:
        """A new, configured connection to the casino's database. Raises WrongDatabase."""
        connection = super().get_new_connection(self.get_connection_params())
        try:
            connection.autocommit = True
            self._configure_connection(connection)
            check_connection(connection, self.settings_dict["CASINO"])
        except BaseException:
            connection.close()
            raise
        return connection

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self._used_at = time.monotonic()
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = super().create_cursor(name)
        if name:
            self._server_cursors = self._server_cursors or weakref.WeakSet()
            self._server_cursors.add(cursor)
        return cursor

    @async_unsafe
    def prepared_cursor(self) -> CursorWrapper:
        """A cursor for frequent statements: each connection plans them once. Behind a pooler they are planned each
        time."""
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            return self._prepare_cursor(PreparedCursor(self.connection))

    def is_usable(self) -> bool:
        """Like Django's, but without a round trip for a recently used connection."""
        if self.connection is None:
            return False
        idle, self._used_at = time.monotonic() - self._used_at, time.monotonic()
        return is_alive(self.connection, idle)

    def _close(self) -> None:
        if self.casino is None or self.connection is None:
            super()._close()  # type: ignore[misc]  # missing from django-stubs
        else:
            # Inside a transaction Django keeps using the connection that it closed, so `check_in` discards it.
            check_in(self)
