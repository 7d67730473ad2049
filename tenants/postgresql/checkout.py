"""The pool of casinos' connections, and those that each thread has checked out of it."""

import os
import select
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import psycopg
from django.conf import settings
from django.db import connections
from psycopg.pq import ConnStatus

from tenants.process_state import register

from .pool import ConnectionPool, PoolLimits
from .wait_budget import waiting_shortly

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

    def close(self) -> None: ...


def is_alive(connection: Any, idle_seconds: float) -> bool:
    """Whether the connection still works: by a poll of its socket (some 2 µs), or after a long pause by a round
    trip."""
    if idle_seconds < PING_AFTER_SECONDS and connection.pgconn.status == ConnStatus.OK:
        poll = select.poll()
        poll.register(connection.pgconn.socket, select.POLLIN)
        if not poll.poll(0):  # the server has neither closed the connection nor sent anything
            return True
    try:
        with waiting_shortly():
            connection.execute("SELECT 1")
    except (psycopg.Error, OSError):
        return False
    return True


def _limits() -> PoolLimits:
    return PoolLimits(
        total=settings.CASINO_CONNECTIONS,
        each=settings.CASINO_CONNECTIONS_EACH,
        idle=settings.CASINO_CONNECTION_IDLE_SECONDS,
        wait=settings.CASINO_CONNECTION_WAIT_SECONDS,
    )


POOL = ConnectionPool(_limits, is_alive)


class _CheckedOut:
    """One thread's wrappers that have a connection. When it is collected with the thread, it checks in the remaining
    connections."""

    def __init__(self) -> None:
        self.wrappers: dict[CasinoWrapper, None] = {}
        self.process = os.getpid()

    # The functions are defaults since at the interpreter's end this module's names are None.
    def __del__(
        self, getpid: Callable[[], int] = os.getpid, is_finalizing: Callable[[], bool] = sys.is_finalizing
    ) -> None:
        # A forked process collects it too, with the parent's other threads: their connections must stay open.
        if self.process == getpid() and not is_finalizing():
            for wrapper in list(self.wrappers):
                wrapper.close()


class _ThreadState(threading.local):
    def __init__(self) -> None:
        self.checked_out = _CheckedOut()
        self.idle_wrappers: dict[str, None] = {}  # aliases of wrappers without a connection, the oldest first


this_thread = _ThreadState()


def check_in_alias(alias: str) -> None:
    """Check in this thread's connection of `alias`, unless a transaction or a server-side cursor is open on it.

    Its wrapper is kept, as one of the thread's newest: creating one takes longer than a check-out.
    """
    wrapper: Any = getattr(_handler._connections, alias, None)
    if getattr(wrapper, "casino", None) is None or not wrapper.can_check_in:
        return
    if wrapper.connection is not None:  # in an event loop there is none, and closing is forbidden
        wrapper.close()
    idle = this_thread.idle_wrappers
    idle[alias] = None
    if len(idle) > MAX_IDLE_WRAPPERS:
        oldest = next(iter(idle))
        del idle[oldest]
        with suppress(AttributeError):
            del connections[oldest]


def _reset_after_fork() -> None:
    """A forked child must neither use nor close its parent's connections: it opens its own."""
    if "settings" in vars(connections):
        for alias in connections:
            wrapper = getattr(_handler._connections, alias, None)
            if wrapper is not None and wrapper.connection is not None:
                _inherited.append(wrapper.connection)
                wrapper.connection = None
    POOL.reset_after_fork()
    this_thread.checked_out = _CheckedOut()


_inherited: list[Any] = []  # collecting them might close them
register("connections to casinos", after_fork=_reset_after_fork)  # no reset: tests keep their connections
