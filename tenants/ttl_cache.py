"""Rows of the catalogue, cached for `CATALOGUE_LEASE_SECONDS` (the TTL).

A change counts as done only after that time (`wait_until_caches_expire`, `answer_once_caches_expire`): from then on no
process uses the old row. A change made outside this code, by psql for example, is seen when the TTL is over.
"""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache
from django.conf import settings
from django.db import transaction

from .answer_delay import answer_after

CAPACITY = 4_096

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TtlCache(Generic[K, V]):
    """The last `capacity` values used. Safe under threads; a value is shared by all callers."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self.reset()

    def reset(self) -> None:
        self._values: LRUCache[K, tuple[float, V]] = LRUCache(self._capacity)  # with the load's time, monotonic seconds
        self._guard = threading.Lock()

    def get_or_load(self, key: K, load: Callable[[], V | None], *, cache_if: Callable[[V], bool]) -> V | None:
        """The cached value; once its TTL is over, the result of `load`, which is cached if `cache_if` holds."""
        with self._guard:
            cached = self._values.get(key)
        now = time.monotonic()  # before the load: a change may happen while it runs
        if cached is not None and now - cached[0] < settings.CATALOGUE_LEASE_SECONDS:
            return cached[1]
        value = load()
        if value is not None and cache_if(value):
            with self._guard:
                self._values[key] = now, value
        return value


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
