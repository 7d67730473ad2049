"""Django's PostgreSQL backend, for many casinos: their connections are borrowed from a bounded cache, and each new one
is checked to lead to the right casino."""

import time
import weakref
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
from .checkout import ASK_AFTER_SECONDS, answers, borrow, is_quiet, put_back
from .client import DatabaseClient
from .identity import check_identity
from .prepared import PreparedCursor


class ErrorWrapper(DatabaseErrorWrapper):
    """Turns the driver's errors into Django's; a write refused for now is an outage, like a server that is away."""

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        if isinstance(exc_value, psycopg.errors.ReadOnlySqlTransaction):
            alias = self.wrapper.alias  # type: ignore[attr-defined]
            raise DatabaseReadOnly(f"{alias} takes no writes at present: {exc_value}") from exc_value
        super().__exit__(exc_type, exc_value, traceback)


class DatabaseWrapper(base.DatabaseWrapper):
    """A thread's way to one database. A casino's (`settings_dict["CASINO"]`) has a connection only while it is in use:
    `close()` gives it back to the cache."""

    client_class = DatabaseClient

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.casino: CurrentCasino | None = self.settings_dict.get("CASINO")
        self._server_cursors: weakref.WeakSet[Any] | None = None
        self._seen_at = 0.0

    @cached_property
    def wrap_database_errors(self) -> DatabaseErrorWrapper:
        return ErrorWrapper(self)

    @property
    def is_at_rest(self) -> bool:
        """Whether the connection could go to another thread: no transaction, and no server-side cursor to read on."""
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
        """Like Django's; but a casino's connection comes from the cache in autocommit and configured, so that all there
        is to do is to set what Django's `connect` sets."""
        if self.casino is None:
            super().connect()
            return
        connection = borrow(self)
        self.in_atomic_block = self.needs_rollback = self.closed_in_transaction = self.errors_occurred = False
        self.savepoint_ids, self.atomic_blocks, self.run_on_commit = [], [], []
        self.autocommit = self.health_check_done = True
        self.health_check_enabled = False  # the cache looks before it lends
        self.close_at = 0.0  # long past: what a request has not handed back by its end goes back then
        self.connection = connection
        BaseDatabaseWrapper.init_connection_state(self)
        connection_created.send(sender=self.__class__, connection=self)

    def open(self) -> Any:
        """A new connection of the casino's, configured and checked to lead to its database. Raises WrongDatabase."""
        connection = super().get_new_connection(self.get_connection_params())
        try:
            connection.autocommit = True
            self._configure_connection(connection)  # type: ignore[attr-defined]
            check_identity(connection, self.settings_dict["CASINO"])
        except BaseException:
            connection.close()
            raise
        return connection

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self._seen_at = time.monotonic()
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = super().create_cursor(name)
        if name:
            self._server_cursors = self._server_cursors or weakref.WeakSet()
            self._server_cursors.add(cursor)
        return cursor

    @async_unsafe
    def prepared_cursor(self) -> CursorWrapper:
        """A cursor for statements that are asked again and again: each connection plans them once. Behind a pooler they
        are planned each time."""
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            cursor: CursorWrapper = self._prepare_cursor(PreparedCursor(self.connection))  # type: ignore[attr-defined]
            return cursor

    def is_usable(self) -> bool:
        """Like Django's, but without a round trip for a connection used a moment ago."""
        if self.connection is None:
            return False
        idle, self._seen_at = time.monotonic() - self._seen_at, time.monotonic()
        return (idle < ASK_AFTER_SECONDS and is_quiet(self.connection)) or answers(self.connection)

    def _close(self) -> None:
        if self.casino is None or self.connection is None:
            super()._close()  # type: ignore[misc]
        else:
            # Inside a transaction Django goes on holding the connection that it closed: it must be nobody else's.
            put_back(self)
