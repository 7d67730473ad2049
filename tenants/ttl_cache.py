"""Rows of the catalogue, cached for `CATALOGUE_LEASE_SECONDS` (the TTL).

A change is complete only after the TTL (`wait_until_caches_expire`, `answer_once_caches_expire`): from then on no
process uses the old row. A change made outside this code, by psql for example, also takes effect after the TTL.
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
    """A cache of the `capacity` last used values. Thread-safe; all callers share a value."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self.reset()

    def reset(self) -> None:
        self._values: LRUCache[K, tuple[float, V]] = LRUCache(self._capacity)  # with their loads' monotonic seconds
        self._guard = threading.Lock()

    def get_or_load(self, key: K, load: Callable[[], V | None], *, cache_if: Callable[[V], bool]) -> V | None:
        """The cached value; after its TTL, the result of `load`, which is cached if `cache_if` is true for it."""
        with self._guard:
            cached = self._values.get(key)
        now = time.monotonic()  # before the load: the row may change while it runs
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
    """Delay the response until no process has the old row cached. No thread waits, so that clients that change rows
    often take no threads from others. Only for a change that is followed by nothing but the response."""
    _call_once_after_commit(_delay_answer)


def _call_once_after_commit(function: Callable[[], None]) -> None:
    if not any(each is function for _, each, *_ in transaction.get_connection().run_on_commit):
        transaction.on_commit(function)


def _wait() -> None:
    time.sleep(settings.CATALOGUE_LEASE_SECONDS)


def _delay_answer() -> None:
    answer_after(settings.CATALOGUE_LEASE_SECONDS)
