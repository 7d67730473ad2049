"""A bounded, process-wide cache of connections: each is lent to one user at a time, and idle ones wait for the next.

No threads, no timers: whatever has to be closed is closed by whoever next asks.
"""

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from tenants.errors import NoFreeConnection

from .limits import Limits, Metrics

logger = logging.getLogger(__name__)


class Connection(Protocol):
    def close(self) -> None: ...


@dataclass(slots=True)
class _Held:
    connection: Connection
    key: str
    since: float = 0.0  # when it became idle


class ConnectionCache:
    """Connections by key (an alias), at most `limits.total` open at once, lent or idle.

    `is_alive(connection, idle seconds)` says whether an idle one still serves; it must be quick and raise nothing.
    Safe under threads; after a fork the child has to call `leave_to_parent`.
    """

    def __init__(self, limits: Callable[[], Limits], is_alive: Callable[[Connection, float], bool]) -> None:
        self._limits = limits
        self._is_alive = is_alive
        self._inherited: list[object] = []  # of the parent process: to collect them might close them
        self._begin()

    def lend(self, key: str, connect: Callable[[], Connection]) -> Connection:
        """An idle connection of this key, or a new one. Raises NoFreeConnection after `limits.wait` seconds, and
        whatever `connect` raises."""
        limits, now = self._limits(), time.monotonic()
        deadline = now + limits.wait
        self._close_expired(now - limits.idle)
        while True:
            found, evicted = self._reserve(key, limits, deadline)
            if found is None:
                return self._open(key, connect, evicted)
            if self._is_alive(found.connection, time.monotonic() - found.since):
                return found.connection
            self.discard(found.connection)

    def give_back(self, connection: Connection) -> None:
        """Make a lent connection, which is in no transaction, available to others."""
        with self._changed:
            held = self._lent.pop(id(connection), None)
            if held is not None:
                held.since = time.monotonic()
                self._idle[id(connection)] = held
                self._changed.notify_all()

    def discard(self, connection: Connection) -> None:
        """Close a lent connection that nobody should use again; one that is not lent is left alone."""
        with self._changed:
            held = self._lent.pop(id(connection), None)
            if held is None:
                return
            self._counts.lost += 1
        self._close_and_free([held])

    def close_idle(self, key: str | None = None) -> None:
        """Close the idle connections of this key, or all."""
        with self._changed:
            unwanted = [held for held in self._idle.values() if key in (None, held.key)]
            for held in unwanted:
                del self._idle[id(held.connection)]
        self._close_and_free(unwanted)

    def metrics(self) -> Metrics:
        with self._changed:
            return replace(self._counts, open=self._places.total(), in_use=len(self._lent), idle=len(self._idle))

    def leave_to_parent(self) -> None:
        """Begin with an empty cache in a forked process, neither using nor closing the parent's connections. Takes no
        lock: one that another thread held at the fork stays locked for ever."""
        self._inherited.append((self._idle, self._lent))
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._idle: OrderedDict[int, _Held] = OrderedDict()  # the least recently used first
        self._lent: dict[int, _Held] = {}
        # Of each key: connections lent, idle, and just being opened or closed. None is freed before it is closed.
        self._places: Counter[str] = Counter()
        self._counts = Metrics()

    def _reserve(self, key: str, limits: Limits, deadline: float) -> tuple[_Held | None, _Held | None]:
        """An idle connection, now lent; or None, a place for a new one, and the idle one to close before, if any."""
        has_waited = False
        with self._changed:
            while True:
                if (found := self._take_idle(key)) is not None:
                    return found, None
                if self._places[key] < limits.each:
                    if self._places.total() < limits.total:
                        self._places[key] += 1
                        return None, None
                    if self._idle:
                        return None, self._evict_for(key)
                self._counts.waited += not has_waited
                has_waited = True
                self._wait(deadline, key, limits)

    def _take_idle(self, key: str) -> _Held | None:
        for held in reversed(self._idle.values()):  # the last one used is the warmest
            if held.key == key:
                del self._idle[id(held.connection)]
                self._lent[id(held.connection)] = held
                self._counts.reused += 1
                return held
        return None

    def _evict_for(self, key: str) -> _Held:
        _, evicted = self._idle.popitem(last=False)
        self._counts.evicted += 1
        self._free(evicted.key)
        self._places[key] += 1
        return evicted

    def _wait(self, deadline: float, key: str, limits: Limits) -> None:
        started = time.monotonic()
        if started >= deadline:
            self._counts.refused += 1
            raise NoFreeConnection(
                f"All connections that this process may open are in use ({self._places.total()} of {limits.total}, "
                f"{self._places[key]} of {limits.each} of {key}); try again soon. "
                "If this happens often, raise CASINO_CONNECTIONS or CASINO_CONNECTIONS_EACH."
            )
        self._changed.wait(deadline - started)
        self._counts.waited_seconds += time.monotonic() - started

    def _open(self, key: str, connect: Callable[[], Connection], evicted: _Held | None) -> Connection:
        opened = None
        try:
            if evicted is not None:
                _close(evicted)
            opened = connect()
            return opened
        finally:
            with self._changed:
                if opened is None:
                    self._free(key)
                    self._changed.notify_all()
                else:
                    self._lent[id(opened)] = _Held(opened, key)
                    self._counts.opened += 1

    def _close_expired(self, before: float) -> None:
        expired = []
        with self._changed:
            while self._idle and next(iter(self._idle.values())).since < before:
                expired.append(self._idle.popitem(last=False)[1])
            self._counts.expired += len(expired)
        self._close_and_free(expired)

    def _close_and_free(self, unwanted: list[_Held]) -> None:
        for held in unwanted:
            _close(held)
            with self._changed:
                self._free(held.key)
                self._changed.notify_all()

    def _free(self, key: str) -> None:
        self._places[key] -= 1
        if not self._places[key]:
            del self._places[key]  # or there is one for every key ever used


def _close(held: _Held) -> None:
    try:
        held.connection.close()
    except Exception:  # its place must become free all the same
        logger.exception("A connection of %s could not be closed", held.key)
