"""What the catalogue says, remembered on a lease: for so long after it was asked a process may go by it unasked, and
whoever changes it waits so long before calling it done. So nobody is answered by the old word after that, in whatever
process; and what is changed behind our back (by psql, say) is noticed when the lease is over."""

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
    """The newest answers to one kind of question. Safe under threads; a value is shared by all who ask for it."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._kept: LRUCache[K, tuple[float, V]] = LRUCache(capacity)  # when it was asked for, monotonic seconds
        self._guard = threading.Lock()

    def ask(self, key: K, question: Callable[[], V | None], *, keep_if: Callable[[V], bool]) -> V | None:
        """What is known of `key`, or else the answer to `question`, which is kept if it is worth keeping."""
        known = self._find(key)
        if known is not None:
            return known
        asked_at = time.monotonic()  # before asking: a change may come while the answer is on its way
        answer = question()
        if answer is not None and keep_if(answer):
            with self._guard:
                self._kept[key] = asked_at, answer
        return answer

    def peek(self, key: K) -> V | None:
        """What is known of `key` without asking."""
        return self._find(key)

    def clear(self) -> None:
        with self._guard:
            self._kept.clear()

    def _find(self, key: K) -> V | None:
        with self._guard:
            asked_at, value = self._kept.get(key, (None, None))
            if asked_at is None or time.monotonic() - asked_at >= settings.CATALOGUE_LEASE_SECONDS:
                return None
            return value


def wait_until_caches_expire() -> None:
    """Call this after a change of what others may hold a lease on; inside a transaction, one wait comes after it,
    however often it was called for."""
    if not any(function is _wait for _, function, *_ in transaction.get_connection().run_on_commit):
        transaction.on_commit(_wait)


def _wait() -> None:
    time.sleep(settings.CATALOGUE_LEASE_SECONDS)
