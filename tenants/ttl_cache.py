"""Rows of the catalogue, cached for `CATALOGUE_LEASE_SECONDS` (the TTL).

A change counts as done only after that time (`wait_until_caches_expire`): from then on no process uses the old row. A
change made outside this code, by psql for example, is seen when the TTL is over.
"""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache
from django.conf import settings
from django.db import transaction

CAPACITY = 4_096

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TtlCache(Generic[K, V]):
    """The last `capacity` values used. Safe under threads; a value is shared by all callers."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._values: LRUCache[K, tuple[float, V]] = LRUCache(capacity)  # with the time of its load, monotonic seconds
        self._guard = threading.Lock()

    def get(self, key: K) -> V | None:
        """The cached value, if its TTL is not over."""
        with self._guard:
            loaded_at, value = self._values.get(key, (None, None))
        if loaded_at is None or time.monotonic() - loaded_at >= settings.CATALOGUE_LEASE_SECONDS:
            return None
        return value

    def get_or_load(self, key: K, load: Callable[[], V | None], *, cache_if: Callable[[V], bool]) -> V | None:
        """The cached value, or else what `load` returns, which is cached if `cache_if` holds."""
        cached = self.get(key)
        if cached is not None:
            return cached
        loaded_at = time.monotonic()  # before the load: a change may happen while it runs
        value = load()
        if value is not None and cache_if(value):
            with self._guard:
                self._values[key] = loaded_at, value
        return value

    def clear(self) -> None:
        with self._guard:
            self._values.clear()


def wait_until_caches_expire() -> None:
    """Wait, after the commit, until no process has the old row cached. Several calls in a transaction wait once."""
    if not any(function is _wait for _, function, *_ in transaction.get_connection().run_on_commit):
        transaction.on_commit(_wait)


def _wait() -> None:
    time.sleep(settings.CATALOGUE_LEASE_SECONDS)
