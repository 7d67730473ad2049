"""The process's pool of connections to casinos' databases: bounded, keyed by alias, evicting the least recently used
connection. Also the connections that each thread has checked out.

The pool has no threads and no timers: each check-out first closes the expired connections.
"""

import logging
import os
import select
import sys
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol

import msgspec
import psycopg
from django.conf import settings
from django.core.signals import setting_changed
from django.db import connections
from psycopg.pq import ConnStatus

from tenants.errors import NoFreeConnection
from tenants.process_state import register

from .wait_budget import waiting_shortly

logger = logging.getLogger(__name__)

# A connection idle for longer is checked by a round trip. Before that, a poll of its socket suffices: a stopped server
# has closed it.
PING_AFTER_SECONDS = 30.0
MAX_IDLE_WRAPPERS = 16  # per thread; each takes some 4 KB

_handler: Any = connections  # django-stubs leave out its thread-local `_connections`


class PoolLimits(msgspec.Struct, frozen=True):
    """`total` and `each`: the highest number of connections, in all and per key. `idle` and `wait`: seconds."""

    total: int
    each: int
    idle: float
    wait: float


@dataclass(slots=True)
class PoolMetrics:
    """`open` (including those being opened or closed), `in_use` and `idle` are the current numbers of connections; the
    others count since the process started.

    `evicted`: idle connections closed to open one of another key. `expired`: closed after being idle too long. `lost`:
    dead or not reusable. `waited`: check-outs that found no free connection, for `waited_seconds` in all; `refused`:
    those that timed out.
    """

    open: int = 0
    in_use: int = 0
    idle: int = 0
    opened: int = 0
    reused: int = 0
    evicted: int = 0
    expired: int = 0
    lost: int = 0
    waited: int = 0
    waited_seconds: float = 0.0
    refused: int = 0


class PoolConnection(Protocol):
    def close(self) -> None: ...


RequireCapacity = Callable[[str, Counter[str]], None]


@dataclass(slots=True)
class _PoolEntry:
    connection: PoolConnection
    key: str
    idle_since: float = 0.0


class ConnectionPool:
    """Connections by key (an alias), at most `limits.total` open at once, checked out or idle.

    `is_alive(connection, idle seconds)` returns whether an idle connection still works; it must be quick and must not
    raise. Thread-safe; after a fork the child has to call `reset_after_fork`.
    """

    def __init__(self, limits: Callable[[], PoolLimits], is_alive: Callable[[PoolConnection, float], bool]) -> None:
        self._limits = limits
        self._is_alive = is_alive
        self._inherited: list[object] = []  # the parent process's; collecting them might close them
        self._reset()

    def check_out(
        self, key: str, connect: Callable[[], PoolConnection], require_capacity: RequireCapacity | None = None
    ) -> PoolConnection:
        """An idle connection of this key, or a new one. Raises NoFreeConnection after `limits.wait` seconds, and the
        exceptions of `connect` and `require_capacity`, which gets the key and each key's number of connections in use.
        """
        limits, now = self._limits(), time.monotonic()
        deadline, expired = now + limits.wait, []
        with self._guard:
            while self._idle and next(iter(self._idle.values())).idle_since < now - limits.idle:
                expired.append(self._idle.popitem(last=False)[1])
            self._counts.expired += len(expired)
        if expired:
            self._close_and_release(expired)
        while True:
            found, evicted = self._reserve(key, limits, deadline, require_capacity)
            if found is None:
                return self._open(key, connect, evicted)
            try:
                if self._is_alive(found.connection, time.monotonic() - found.idle_since):
                    return found.connection
            except BaseException:  # else the slot would stay taken for ever
                self.discard(found.connection)
                raise
            self.discard(found.connection)

    def check_in(self, connection: PoolConnection) -> None:
        """Make a checked-out connection available again. It must not be in a transaction."""
        with self._guard:
            entry = self._checked_out.pop(id(connection), None)
            if entry is not None:
                entry.idle_since = time.monotonic()
                self._idle[id(connection)] = entry
                self._changed.notify_all()

    def discard(self, connection: PoolConnection) -> None:
        """Close a checked-out connection that must not be reused; any other is ignored."""
        with self._guard:
            entry = self._checked_out.pop(id(connection), None)
            if entry is None:
                return
            self._counts.lost += 1
        self._close_and_release([entry])

    def close_idle(self, key: str | None = None) -> None:
        """Close the idle connections of this key, or all idle connections."""
        with self._guard:
            unwanted = [entry for entry in self._idle.values() if key in (None, entry.key)]
            for entry in unwanted:
                del self._idle[id(entry.connection)]
        self._close_and_release(unwanted)

    def metrics(self) -> PoolMetrics:
        with self._guard:
            return replace(self._counts, open=self._slots.total(), in_use=len(self._checked_out), idle=len(self._idle))

    def reset_after_fork(self) -> None:
        """Empty the pool in a forked process, neither using nor closing the parent's connections. Takes no lock: a lock
        that another thread held at the fork stays locked for ever."""
        self._inherited.append((self._idle, self._checked_out))
        self._reset()

    def _reset(self) -> None:
        self._guard = threading.Lock()
        self._changed = threading.Condition(self._guard)
        self._idle: OrderedDict[int, _PoolEntry] = OrderedDict()  # the least recently used first
        self._checked_out: dict[int, _PoolEntry] = {}
        # By key: connections checked out, idle, and being opened or closed. A slot is released after the close.
        self._slots: Counter[str] = Counter()
        self._counts = PoolMetrics()

    def _reserve(
        self, key: str, limits: PoolLimits, deadline: float, require_capacity: RequireCapacity | None
    ) -> tuple[_PoolEntry | None, _PoolEntry | None]:
        """Reserve a connection. Returns an idle one, now checked out; or None for a slot for a new one, with the
        evicted connection to close first, if any."""
        has_waited = False
        with self._guard:
            if require_capacity is not None:
                require_capacity(key, self._slots - Counter(entry.key for entry in self._idle.values()))
            while True:
                for entry in reversed(self._idle.values()):  # the most recently used has the warmest caches
                    if entry.key == key:
                        del self._idle[id(entry.connection)]
                        self._checked_out[id(entry.connection)] = entry
                        self._counts.reused += 1
                        return entry, None
                if self._slots[key] < limits.each:
                    if self._slots.total() < limits.total:
                        self._slots[key] += 1
                        return None, None
                    if self._idle:
                        return None, self._evict_for(key)
                self._counts.waited += not has_waited
                has_waited = True
                self._wait(deadline, key, limits)

    def _evict_for(self, key: str) -> _PoolEntry:
        _, evicted = self._idle.popitem(last=False)
        self._counts.evicted += 1
        self._release_slot(evicted.key)
        self._slots[key] += 1
        return evicted

    def _wait(self, deadline: float, key: str, limits: PoolLimits) -> None:
        started = time.monotonic()
        if started >= deadline:
            self._counts.refused += 1
            raise NoFreeConnection(
                f"All connections that this process may open are in use ({self._slots.total()} of {limits.total}, "
                f"{self._slots[key]} of {limits.each} of {key}); try again soon. "
                "If this happens often, raise CASINO_CONNECTIONS or CASINO_CONNECTIONS_EACH."
            )
        self._changed.wait(deadline - started)
        self._counts.waited_seconds += time.monotonic() - started

    def _open(self, key: str, connect: Callable[[], PoolConnection], evicted: _PoolEntry | None) -> PoolConnection:
        opened = None
        try:
            if evicted is not None:
                _close(evicted)
            opened = connect()
            return opened
        finally:
            with self._guard:
                if opened is None:
                    self._release_slot(key)
                    self._changed.notify_all()
                else:
                    self._checked_out[id(opened)] = _PoolEntry(opened, key)
                    self._counts.opened += 1

    def _close_and_release(self, unwanted: list[_PoolEntry]) -> None:
        for entry in unwanted:
            _close(entry)
            with self._guard:
                self._release_slot(entry.key)
                self._changed.notify_all()

    def _release_slot(self, key: str) -> None:
        self._slots[key] -= 1
        if not self._slots[key]:
            del self._slots[key]  # else each key ever used would keep an entry


def _close(entry: _PoolEntry) -> None:
    try:
        entry.connection.close()
    except Exception:  # its slot must be released anyway
        logger.exception("Closing a connection of %s failed", entry.key)


def is_alive(connection: Any, idle_seconds: float) -> bool:
    """Whether the connection still works, by a poll of its socket (some 2 µs), or after a long pause by a round
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


@cache
def _limits() -> PoolLimits:
    return PoolLimits(
        total=settings.CASINO_CONNECTIONS,
        each=settings.CASINO_CONNECTIONS_EACH,
        idle=settings.CASINO_CONNECTION_IDLE_SECONDS,
        wait=settings.CASINO_CONNECTION_WAIT_SECONDS,
    )


setting_changed.connect(lambda **_: _limits.cache_clear(), weak=False)  # only tests send it
POOL = ConnectionPool(_limits, is_alive)


class CasinoWrapper(Protocol):
    """The `DatabaseWrapper` of a casino's database, in one thread."""

    alias: str
    connection: Any

    @property
    def can_check_in(self) -> bool: ...

    def close(self) -> None: ...


class _CheckedOut:
    """One thread's wrappers that have a connection. The thread's end collects the object, which checks in the remaining
    connections."""

    def __init__(self) -> None:
        self.wrappers: dict[CasinoWrapper, None] = {}
        self.process = os.getpid()

    # The functions are default arguments: at the interpreter's end this module's names are None.
    def __del__(
        self, getpid: Callable[[], int] = os.getpid, is_finalizing: Callable[[], bool] = sys.is_finalizing
    ) -> None:
        # A forked process also collects the objects of the parent's other threads: their connections must stay open.
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

    The wrapper is kept among the thread's newest: creating one takes longer than a check-out.
    """
    wrapper: Any = getattr(_handler._connections, alias, None)
    if getattr(wrapper, "casino", None) is None or not wrapper.can_check_in:
        return
    if wrapper.connection is not None:  # an event loop's thread has none, and must not close one
        try:
            wrapper._close()  # `close` would check again the thread and that no transaction is open
        finally:
            wrapper.connection = None
    idle = this_thread.idle_wrappers
    idle[alias] = None
    if len(idle) > MAX_IDLE_WRAPPERS:
        oldest = next(iter(idle))
        del idle[oldest]
        with suppress(AttributeError):
            del connections[oldest]


def _reset_after_fork() -> None:
    """Give up the parent's connections without using or closing them: a forked child opens its own."""
    if "settings" in vars(connections):
        for alias in connections:
            wrapper = getattr(_handler._connections, alias, None)
            if wrapper is not None and wrapper.connection is not None:
                _inherited.append(wrapper.connection)
                wrapper.connection = None
    POOL.reset_after_fork()
    this_thread.checked_out = _CheckedOut()


_inherited: list[Any] = []  # keeps them: collecting one might close it
register("connections to casinos", after_fork=_reset_after_fork)  # no reset: tests keep their connections
