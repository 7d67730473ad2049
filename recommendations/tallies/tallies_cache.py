"""Unpacked tallies of the users who were recommended to last. They are used only where the request's query returned the
same columns again, so that what is served is what the database has."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from cachetools import TTLCache

from tenants.process_state import register

from .user_tallies import Tallies
from .user_tallies_sql import merge_tallies

MAX_BYTES = 16_000_000
SECONDS = 600.0  # from when they were unpacked: what was erased in the database does not stay here for long
_BYTES_UNPACKED = 10  # for a byte of the columns, with these and all that is computed of them
_SMALLEST = 4_096
_LARGEST_SHARE = 8  # one user may take an eighth

UserKey = tuple[int, int]  # casino, user


@dataclass(frozen=True, slots=True)
class _Entry:
    packed: bytes | None
    unmerged: str | None
    tallies: Tallies

    @property
    def nbytes(self) -> int:
        return _SMALLEST + _BYTES_UNPACKED * (len(self.packed or b"") + len(self.unmerged or ""))


class TalliesCache:
    """Least recently used users leave first. Thread-safe: nothing but what is computed of them once is ever set in
    cached tallies."""

    def __init__(self, max_bytes: int = MAX_BYTES, timer: Callable[[], float] = time.monotonic) -> None:
        self._entries: TTLCache[UserKey, _Entry] = TTLCache(max_bytes, SECONDS, timer, lambda entry: entry.nbytes)
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """An estimate."""
        return cast(int, self._entries.currsize)

    def merge(self, key: UserKey, packed: bytes | None, unmerged: str | None) -> Tallies:
        """The same as `merge_tallies`, for reading alone. Raises UnknownTalliesFormat."""
        with self._lock:
            entry = self._entries.get(key)
        if entry is not None and entry.packed == packed and entry.unmerged == unmerged:
            return entry.tallies
        entry = _Entry(packed, unmerged, merge_tallies(packed, unmerged))
        if not entry.tallies.has_unpacked_bets and entry.nbytes * _LARGEST_SHARE <= self._entries.maxsize:
            with self._lock:
                self._entries[key] = entry
        return entry.tallies

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


tallies_cache = TalliesCache()
register("unpacked tallies", reset=tallies_cache.clear)
