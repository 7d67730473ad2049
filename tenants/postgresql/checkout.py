"""Checks casinos' connections out of the pool for a thread, and in again."""

import os
import select
import sys
import threading
from contextlib import suppress
from typing import Any, Protocol

import psycopg
from django.conf import settings
from django.db import connections
from psycopg.pq import ConnStatus, TransactionStatus

from tenants.process_state import register

from .pool import ConnectionPool, PoolLimits

# A connection idle for longer is pinged by a round trip; before that, its socket is polled: a server that went down has
# closed it.
PING_AFTER_SECONDS = 30.0
MAX_IDLE_WRAPPERS = 16  # of one thread; each takes some 4 KB

_handler: Any = connections  # django-stubs leave out its thread-local `_connections`


class CasinoWrapper(Protocol):
    """The `DatabaseWrapper` of a casino's database, in one thread."""

    alias: str
    connection: Any

    @property
    def can_check_in(self) -> bool: ...

    def open(self) -> Any: ...

    def close(self) -> None: ...


def is_alive(connection: Any, idle_seconds: float) -> bool:
    """Whether the connection still works: by a poll of its socket (some 2 µs), or after a long pause by a round
    trip."""
    return (idle_seconds < PING_AFTER_SECONDS and _is_socket_quiet(connection)) or _ping(connection)


def _is_socket_quiet(connection: Any) -> bool:
    """Whether the server has neither closed the connection nor sent anything."""
    if connection.pgconn.status != ConnStatus.OK:
        return False
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return not poll.poll(0)


def _ping(connection: Any) -> bool:
    try:
        connection.execute("SELECT 1")
    except (psycopg.Error, OSError):
        return False
    return True


def _reset(connection: Any) -> bool:
    """Roll back a transaction left open; whether the connection can be reused. `SET` outlives it: use `SET LOCAL`, as
    behind a pooler."""
    if connection.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        try:
            connection.rollback()
        except (psycopg.Error, OSError):
            return False
    return connection.pgconn.transaction_status == TransactionStatus.IDLE and connection.autocommit is True


def _limits() -> PoolLimits:
    return PoolLimits(
        total=settings.CASINO_CONNECTIONS,
        each=settings.CASINO_CONNECTIONS_EACH,
        idle=settings.CASINO_CONNECTION_IDLE_SECONDS,
        wait=settings.CASINO_CONNECTION_WAIT_SECONDS,
    )


POOL = ConnectionPool(_limits, is_alive)


class _CheckedOut:
    """One thread's wrappers that have a connection. Collected with the thread, it checks in what is left."""

    def __init__(self) -> None:
        self.wrappers: dict[CasinoWrapper, None] = {}
        self.process = os.getpid()

    def __del__(self) -> None:
        # A forked process collects it too, with the parent's other threads: their connections must stay open.
        if self.process == os.getpid() and not sys.is_finalizing():
            for wrapper in list(self.wrappers):
                wrapper.close()


class _ThreadState(threading.local):
    def __init__(self) -> None:
        self.checked_out = _CheckedOut()
        self.idle_wrappers: dict[str, None] = {}  # aliases of wrappers without a connection, the oldest first


_thread = _ThreadState()


def check_out(wrapper: CasinoWrapper) -> Any:
    """A connection for this thread's wrapper. The thread's connections to other casinos are checked in first: a thread
    that loops over casinos has one connection, not one a casino."""
    wrappers = _thread.checked_out.wrappers
    for other in list(wrappers):
        if other.can_check_in:
            other.close()
    connection = POOL.check_out(wrapper.alias, wrapper.open)
    wrappers[wrapper] = None
    _thread.idle_wrappers.pop(wrapper.alias, None)
    return connection


def check_in(wrapper: CasinoWrapper) -> None:
    """Check this wrapper's connection in, or close it if it can't be reused."""
    _thread.checked_out.wrappers.pop(wrapper, None)
    if wrapper.can_check_in and _reset(wrapper.connection):
        POOL.check_in(wrapper.connection)
    else:
        POOL.discard(wrapper.connection)


def check_in_alias(alias: str) -> None:
    """Check in this thread's connection of `alias`, unless a transaction or a server-side cursor is open on it."""
    wrapper: Any = getattr(_handler._connections, alias, None)
    if getattr(wrapper, "casino", None) is None or not wrapper.can_check_in:
        return
    if wrapper.connection is not None:  # in an event loop there is none, and closing is forbidden
        wrapper.close()
    _keep_wrapper(alias)


def _keep_wrapper(alias: str) -> None:
    """Keep the newest wrappers, not one of each casino: creating one takes longer than a check-out."""
    idle = _thread.idle_wrappers
    idle[alias] = None
    if len(idle) > MAX_IDLE_WRAPPERS:
        oldest = next(iter(idle))
        del idle[oldest]
        with suppress(AttributeError):
            del connections[oldest]


def checked_out_aliases() -> list[str]:
    """The aliases of which this thread has a connection."""
    return [wrapper.alias for wrapper in _thread.checked_out.wrappers]


def _reset_after_fork() -> None:
    """A forked child must neither use nor close its parent's connections: it opens its own."""
    if "settings" in vars(connections):
        for alias in connections:
            wrapper = getattr(_handler._connections, alias, None)
            if wrapper is not None and wrapper.connection is not None:
                _inherited.append(wrapper.connection)
                wrapper.connection = None
    POOL.reset_after_fork()
    _thread.checked_out = _CheckedOut()


_inherited: list[Any] = []  # collecting them might close them
register("connections to casinos", after_fork=_reset_after_fork)  # no reset: tests keep their connections
