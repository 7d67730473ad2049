"""Lends casinos' connections to threads: who has one, and when it goes back for others to use."""

import os
import select
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connections
from psycopg.pq import ConnStatus, TransactionStatus

from .limits import Limits
from .pool import ConnectionCache

if TYPE_CHECKING:
    from .base import DatabaseWrapper

# A connection unused for so long is asked over the network whether it lives; before that, a look at its socket is
# enough: a server that went away has closed it.
ASK_AFTER_SECONDS = 30.0
KEPT_WRAPPERS = 16  # of one thread; each takes some 4 KB


def is_quiet(connection: Any) -> bool:
    """Whether the server has neither closed this connection nor said anything unasked. No round trip: some 2 µs."""
    if connection.pgconn.status != ConnStatus.OK:
        return False
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return not poll.poll(0)


def answers(connection: Any) -> bool:
    """Whether the server still answers, by a round trip."""
    try:
        connection.execute("SELECT 1")
    except Exception:  # noqa: BLE001 (whatever it is, this connection serves nobody)
        return False
    return True


def is_alive(connection: Any, idle_seconds: float) -> bool:
    return (idle_seconds < ASK_AFTER_SECONDS and is_quiet(connection)) or answers(connection)


def is_as_new(connection: Any) -> bool:
    """Whether the next user would find this connection as it was when it was opened; a transaction left open is rolled
    back. What a session was told by `SET` stays: it is for `SET LOCAL`, as behind a pooler."""
    if connection.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        try:
            connection.rollback()
        except Exception:  # noqa: BLE001 (see above)
            return False
    return connection.pgconn.transaction_status == TransactionStatus.IDLE and connection.autocommit is True


def _limits() -> Limits:
    return Limits(
        total=settings.CASINO_CONNECTIONS,
        each=settings.CASINO_CONNECTIONS_EACH,
        idle=settings.CASINO_CONNECTION_IDLE_SECONDS,
        wait=settings.CASINO_CONNECTION_WAIT_SECONDS,
    )


CACHE = ConnectionCache(_limits, is_alive)


class _Borrowed:
    """The wrappers of one thread that have a connection. Goes with its thread, and hands back what that one left."""

    def __init__(self) -> None:
        self.wrappers: dict[DatabaseWrapper, None] = {}
        self.process = os.getpid()

    def __del__(self) -> None:
        # In a forked process it goes too, with the threads that are not there any more: their connections stay open.
        if self.process == os.getpid() and not sys.is_finalizing():
            for wrapper in list(self.wrappers):
                wrapper.close()


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.borrowed = _Borrowed()
        self.kept: dict[str, None] = {}  # aliases of wrappers without a connection, the oldest first


_of_thread = _OfThread()


def borrow(wrapper: "DatabaseWrapper") -> Any:
    """A connection for this thread's wrapper. What the thread has of other casinos goes back, so that a thread that
    walks over casinos holds one connection and not one a casino."""
    wrappers = _of_thread.borrowed.wrappers
    for other in list(wrappers):
        if other.is_at_rest:
            other.close()
    connection = CACHE.lend(wrapper.alias, wrapper.open)
    wrappers[wrapper] = None
    _of_thread.kept.pop(wrapper.alias, None)
    return connection


def put_back(wrapper: "DatabaseWrapper") -> None:
    """Let others use this wrapper's connection, or close it if it is in no state for that."""
    _of_thread.borrowed.wrappers.pop(wrapper, None)
    if wrapper.is_at_rest and is_as_new(wrapper.connection):
        CACHE.give_back(wrapper.connection)
    else:
        CACHE.discard(wrapper.connection)


def hand_back(alias: str) -> None:
    """Make this thread's connection of `alias` available to others, unless something is still open on it."""
    wrapper: Any = getattr(connections._connections, alias, None)  # type: ignore[attr-defined]
    if getattr(wrapper, "casino", None) is None or not wrapper.is_at_rest:
        return
    if wrapper.connection is not None:  # in an event loop there is none, and closing is forbidden
        wrapper.close()
    _keep(alias)


def _keep(alias: str) -> None:
    """Keep the wrapper, since making one takes longer than borrowing a connection; but not one of each casino."""
    kept = _of_thread.kept
    kept[alias] = None
    if len(kept) > KEPT_WRAPPERS:
        oldest = next(iter(kept))
        del kept[oldest]
        with suppress(AttributeError):
            delattr(connections._connections, oldest)  # type: ignore[attr-defined]


def aliases_in_use() -> list[str]:
    """The aliases of which this thread has a connection."""
    return [wrapper.alias for wrapper in _of_thread.borrowed.wrappers]


def _leave_connections_to_parent() -> None:
    """After a fork the child must not speak on its parent's connections, nor close them: it opens its own."""
    if "settings" in vars(connections):
        for alias in connections:
            wrapper = getattr(connections._connections, alias, None)  # type: ignore[attr-defined]
            if wrapper is not None and wrapper.connection is not None:
                _inherited.append(wrapper.connection)
                wrapper.connection = None
    CACHE.leave_to_parent()
    _of_thread.borrowed = _Borrowed()


_inherited: list[Any] = []  # kept, since to collect them might close them
os.register_at_fork(after_in_child=_leave_connections_to_parent)
