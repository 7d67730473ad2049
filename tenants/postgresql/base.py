"""Django's PostgreSQL backend for many casinos: it takes their connections from a bounded pool, and checks that each
new connection leads to the right casino's database."""

import time
import weakref
from collections.abc import Callable
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql import base
from django.db.backends.signals import connection_created
from django.db.backends.utils import CursorWrapper
from django.db.utils import DatabaseErrorWrapper
from django.utils.asyncio import async_unsafe
from django.utils.functional import cached_property
from psycopg._queries import PostgresQuery
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.generators import execute
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from tenants.current_casino import CATALOGUE, MAIN, CurrentCasino
from tenants.errors import DatabaseReadOnly, NoAnswer

from . import embedded, pooler
from .client import DatabaseClient
from .identity import check_connection
from .pool import POOL, is_alive, this_thread
from .stalls import stalls
from .wait_budget import BudgetConnection, Place, WaitTimedOut, driver, find_budget, waiting_shortly

_SET = "SET statement_timeout = {0:.0f}; SET lock_timeout = {1:.0f}"  # milliseconds
_RESET = "RESET statement_timeout; RESET lock_timeout"


class ErrorWrapper(DatabaseErrorWrapper):
    """Turns the driver's errors into Django's. A write to a read-only database is an outage, as is a server that does
    not answer."""

    wrapper: BaseDatabaseWrapper  # Django's, missing from django-stubs

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        if exc_type is None:
            return
        if isinstance(exc_value, psycopg.errors.ReadOnlySqlTransaction):
            raise DatabaseReadOnly(f"{self.wrapper.alias} is read-only at present: {exc_value}") from exc_value
        if isinstance(exc_value, WaitTimedOut | psycopg.errors.ConnectionTimeout):
            self.wrapper.errors_occurred = True
            server = self.wrapper.settings_dict.get("SERVER", MAIN)
            raise NoAnswer(f"{self.wrapper.alias} on the database server {server}: {exc_value}") from exc_value
        super().__exit__(exc_type, exc_value, traceback)


class PreparedCursor(psycopg.Cursor[Any]):
    """Prepares its statements, so that a connection plans each once: planning a query of a few joins takes longer than
    running it."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "PreparedCursor":
        try:
            return super().execute(query, params, prepare=True, **options)
        except psycopg.errors.FeatureNotSupported:
            # A migration changed the types of a planned result. PostgreSQL can't replan within a transaction.
            if self.connection.info.transaction_status != TransactionStatus.IDLE:
                raise
            self.connection.execute("DEALLOCATE ALL")
            return super().execute(query, params, prepare=True, **options)


def _execute_prepared(pgconn: PGconn, *statement: Any) -> PQGen[list[PGresult]]:
    """Send a prepared statement when the generator runs: `BudgetConnection.wait` may reject it before."""
    pgconn.send_query_prepared(*statement)
    results: list[PGresult] = yield from execute(pgconn)
    return results


class CachedCursor(PreparedCursor):
    """A connection's cursor for frequent statements. A prepared statement bypasses psycopg's `execute`, which takes
    longer than sending the parameters and reading the rows."""

    def __init__(self, connection: BudgetConnection) -> None:
        super().__init__(connection)
        self._frequent: dict[str, PostgresQuery] = {}

    def rows(self, sql: str, parameters: Any) -> list[Any]:
        """All rows of the statement."""
        connection, query = self._conn, self._frequent.get(sql)
        if not connection.autocommit:  # psycopg's `execute` begins a transaction if necessary
            return self._rows_by_execute(sql, parameters)
        if query is None:
            query = self._frequent[sql] = PostgresQuery(Transformer(self))
            query.convert(sql, parameters)
        else:
            query.dump(parameters)
        values, query.params = query.params, None  # free them: they may be large, as may the result
        prepared, key = connection._prepared._names, (query.query, query.types)
        name = prepared.get(key)
        if name is None:  # not prepared for these types
            return self._rows_by_execute(sql, parameters)
        prepared.move_to_end(key)  # psycopg drops the oldest of more than a hundred
        with connection.lock:
            [result] = connection.wait(_execute_prepared(connection.pgconn, name, values, query.formats))
        if result.status == ExecStatus.TUPLES_OK:
            query._tx.set_pgresult(result)
            rows = query._tx.load_rows(0, result.ntuples, tuple)
            result.clear()
            return rows
        error = psycopg.errors.error_from_result(result, query._tx.encoding)
        if isinstance(error, psycopg.errors.FeatureNotSupported):  # `execute` prepares it again
            return self._rows_by_execute(sql, parameters)
        raise error

    def _rows_by_execute(self, sql: str, parameters: Any) -> list[Any]:
        rows = self.execute(sql, parameters).fetchall()
        if self.pgresult is not None:
            self.pgresult.clear()
        self._query = None  # it has the parameters
        return rows


class DatabaseWrapper(base.DatabaseWrapper):
    """One thread's access to one database. The wrapper of a casino (`settings_dict["CASINO"]`) has a connection only
    while it is in use: `close()` checks it in."""

    Database = driver
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
            params["host"] = embedded.ensure_chosen_running(settings.EMBEDDED_POSTGRES_DIR)
        if self.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:  # a pooler, whose servers change between transactions
            params["prepare_threshold"] = None
        elif self.casino is not None:
            params["prepare_threshold"] = 0  # for `prepared_cursor`: Django's own cursors never prepare
        return params

    @async_unsafe
    def set_autocommit(self, autocommit: bool, *args: Any, **kwargs: Any) -> None:
        """Like Django's, but drop the connection if the client gives up, as when its budget is spent. If it gave up at
        a transaction's beginning or end, autocommit is still off, and Django would see an open transaction."""
        try:
            super().set_autocommit(autocommit, *args, **kwargs)
        except Exception:
            if self.connection is not None and self.connection.closed:
                self.close()
            raise

    @async_unsafe
    def connect(self) -> None:
        """Like Django's, but check a casino's connection out of the pool, configured and in autocommit. Only the
        attributes that Django's `connect` sets remain to be set.

        The thread's connections to other casinos are checked in first: a thread that loops over casinos has one
        connection, not one per casino.
        """
        if self.casino is None:
            super().connect()
            self._set_server_timeouts()
            return
        checked_out = this_thread.checked_out.wrappers
        for other in list(checked_out):
            if other.can_check_in:
                other.close()
        connection = POOL.check_out(self.alias, self.open, stalls.require_capacity if stalls.is_any else None)
        checked_out[self] = None
        this_thread.idle_wrappers.pop(self.alias, None)
        self.in_atomic_block = self.needs_rollback = self.closed_in_transaction = self.errors_occurred = False
        self.savepoint_ids, self.atomic_blocks, self.run_on_commit = [], [], []
        self.autocommit = self.health_check_done = True
        self.health_check_enabled = False  # the pool has checked it
        self.close_at = 0.0  # long past: at a request's end Django closes the wrapper, which checks it in
        self.connection = connection
        if pooler.found and self.settings_dict.get("SERVER", MAIN) in pooler.found:
            self._use_pooler()
        self._set_server_timeouts()
        BaseDatabaseWrapper.init_connection_state(self)
        connection_created.send(sender=self.__class__, connection=self)

    def open(self) -> Any:
        """A new, configured connection to the casino's database. Raises WrongDatabase."""
        connection = self.get_new_connection(self.get_connection_params())
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
        """Like Django's. If the thread has a budget, raises ServerSilent for a server that is known to be silent, and
        TooManyStalled if the highest allowed number of statements already waits for the database."""
        self._used_at = time.monotonic()
        server: str = self.settings_dict.get("SERVER", MAIN)
        place = Place(self.alias, server, {**conn_params, "dbname": _database_of_pings(server)})
        if find_budget() is not None and stalls.is_any:
            stalls.require_answering(server)
            stalls.require_few_stalled(self.alias)
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.errors.ConnectionTimeout:  # it had at least two seconds
            stalls.record_silence(server, place.answers)
            raise
        connection.place = place
        if not self.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:
            connection.autocommit = True  # Django sets it next
            pooler.detect(connection, server)
            if server in pooler.found:
                connection.prepare_threshold = None
                self._use_pooler()
        return connection

    def _use_pooler(self) -> None:
        """Stop using server-side cursors and session settings: Django and `_set_server_timeouts` read this setting."""
        self.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True

    def _set_server_timeouts(self) -> None:
        """Give the session the time-outs of the current budget, unless it has them from its last use. Does nothing
        through a pooler, whose sessions are shared with other clients."""
        budget = find_budget()
        timeouts = None if budget is None else budget.server_timeouts
        if timeouts != self.connection.server_timeouts and not self.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:
            try:
                self.connection.execute(_RESET if timeouts is None else _SET.format(*timeouts))
            except Exception:
                self.close()
                raise
            self.connection.server_timeouts = timeouts

    def create_cursor(self, name: str | None = None) -> Any:
        cursor = super().create_cursor(name)
        if name:
            self._server_cursors = self._server_cursors or weakref.WeakSet()
            self._server_cursors.add(cursor)
        return cursor

    @async_unsafe
    def prepared_cursor(self) -> CursorWrapper:
        """A cursor for frequent statements: each connection plans them once; behind a pooler they are planned each
        time."""
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            return self._prepare_cursor(PreparedCursor(self.connection))

    def query_prepared(self, sql: str, parameters: Any) -> list[Any]:
        """All rows of a frequent statement to a casino. The connection's one psycopg cursor, which knows the types of
        parameters and columns, runs it, unless something logs or wraps statements. The pool has already checked the
        thread and the connection's health, as Django does for a cursor."""
        if self.queries_logged or self.execute_wrappers:
            with self.prepared_cursor() as cursor:
                cursor.execute(sql, parameters)
                return list(cursor.fetchall())
        if self.in_atomic_block:
            self.ensure_connection()
            self.validate_no_broken_transaction()
        with self.wrap_database_errors:
            if self.connection is None:
                self.connect()
            if (cached := self.connection.cached_cursor) is None:
                cached = self.connection.cached_cursor = CachedCursor(self.connection)
            rows: list[Any] = cached.rows(sql, parameters)
            return rows

    def is_usable(self) -> bool:
        """Like Django's, but without a round trip for a recently used connection."""
        if self.connection is None:
            return False
        idle, self._used_at = time.monotonic() - self._used_at, time.monotonic()
        return is_alive(self.connection, idle)

    def _close(self) -> None:
        """Like Django's, but check a casino's connection in, or discard it if it can't be reused. Inside a transaction
        it is discarded, since Django keeps using the connection that it closed."""
        connection = self.connection
        if self.casino is None or connection is None:
            super()._close()  # type: ignore[misc]  # missing from django-stubs
            return
        this_thread.checked_out.wrappers.pop(self, None)
        is_reusable = False
        try:
            is_idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
            is_reusable = self.can_check_in and (is_idle or _roll_back(connection)) and connection.autocommit is True
        finally:
            (POOL.check_in if is_reusable else POOL.discard)(connection)


def _roll_back(connection: Any) -> bool:
    """Roll back an open transaction. Returns whether the connection is then idle. `SET` outlives the transaction: use
    `SET LOCAL`, as behind a pooler."""
    if connection.pgconn.transaction_status not in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        return False
    try:
        with waiting_shortly():
            connection.rollback()
    except (psycopg.Error, OSError):
        return False
    return bool(connection.pgconn.transaction_status == TransactionStatus.IDLE)


def _database_of_pings(server: str) -> str:
    """The name of a database for pings of the server. It must not be a casino's, which may hang alone: the catalogue,
    or `postgres`."""
    return str(connections.settings[CATALOGUE]["NAME"]) if server == MAIN else "postgres"
