"""Caches of a process: of the values used last, and of rows of the catalogue, for `CATALOGUE_LEASE_SECONDS` (the TTL).

A change of a row counts as done only after that time (`wait_until_caches_expire`, `answer_once_caches_expire`): from
then on no process uses the old row. A change made outside this code, by psql for example, is seen when the TTL is over.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from django.conf import settings
from django.db import transaction

from .answer_delay import answer_after

CAPACITY = 4_096

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """The last `capacity` values used. Safe under threads; a value is shared by all callers."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._values: OrderedDict[K, V] = OrderedDict()  # the least recently used first
        self._guard = threading.Lock()

    def get(self, key: K) -> V | None:
        with self._guard:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def keep(self, key: K, value: V) -> None:
        with self._guard:
            self._values[key] = value
            self._values.move_to_end(key)
            if len(self._values) > self._capacity:
                self._values.popitem(last=False)

    def clear(self) -> None:
        with self._guard:
            self._values.clear()


class TtlCache(Generic[K, V]):
    """The last `capacity` values used, each until its TTL is over."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._values = LruCache[K, tuple[float, V]](capacity)  # with the time of the load, monotonic seconds

    def get_or_load(self, key: K, load: Callable[[], V | None], *, cache_if: Callable[[V], bool]) -> V | None:
        """The cached value; once its TTL is over, the result of `load`, which is cached if `cache_if` holds."""
        cached = self._values.get(key)
        now = time.monotonic()  # before the load: a change may happen while it runs
        if cached is not None and now - cached[0] < settings.CATALOGUE_LEASE_SECONDS:
            return cached[1]
        value = load()
        if value is not None and cache_if(value):
            self._values.keep(key, (now, value))
        return value

    def clear(self) -> None:
        self._values.clear()


def wait_until_caches_expire() -> None:
    """Wait, after the commit, until no process has the old row cached. Several calls in a transaction wait once."""
    _call_once_after_commit(_wait)


def answer_once_caches_expire() -> None:
    """The same for a change after which nothing is left to do but to answer: the answer waits, and no thread does, so
    that clients who change rows all the time take none from others."""
    _call_once_after_commit(_delay_answer)


def _call_once_after_commit(function: Callable[[], None]) -> None:
    if not any(each is function for _, each, *_ in transaction.get_connection().run_on_commit):
        transaction.on_commit(function)


def _wait() -> None:
    time.sleep(settings.CATALOGUE_LEASE_SECONDS)


def _delay_answer() -> None:
    answer_after(settings.CATALOGUE_LEASE_SECONDS)
