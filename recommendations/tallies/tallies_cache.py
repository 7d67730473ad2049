"""Unpacked tallies of the users who were recommended to last. They are used only where the request's query returned the
same columns again, so that what is served is what the database has."""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from cachetools import TTLCache

from tenants.process_state import register

from .user_tallies import Tallies

MAX_BYTES = 16_000_000
SECONDS = 600.0  # none is used for longer: what was erased in the database is not served from here, and soon leaves
_BYTES_UNPACKED = 17  # for a byte of the packed column, with this and all that is computed of it
_BYTES_OF_TEXT = 8  # for a character of the unmerged coupons beside their text, whose JSON names each field
_BYTES_OF_EVENT = 550  # of one that is no longer recent: some bytes in the columns, then in sets, with keys of matches
_BYTES_OF_BET = 184  # on an outcome: its numbers, and what is read of them
_SMALLEST = 7_680
_LARGEST_SHARE = 8  # one user may take an eighth

UserKey = tuple[int, int]  # casino, user


@dataclass(frozen=True, slots=True)
class _Entry:
    packed: bytes | None
    unmerged: str | None
    tallies: Tallies

    @property
    def nbytes(self) -> int:
        text = self.unmerged or ""
        of_text = _BYTES_OF_TEXT * len(text) + sys.getsizeof(text)  # up to 4 bytes a character, and its UTF-8
        of_packed = _BYTES_UNPACKED * len(self.packed or b"")
        of_events = _BYTES_OF_EVENT * self.tallies.older_event_count + _BYTES_OF_BET * self.tallies.bet_count
        return _SMALLEST + of_packed + of_text + of_events


class TalliesCache:
    """Least recently used users leave first. Thread-safe: in cached tallies, only what is computed of them is set."""

    def __init__(self, max_bytes: int = MAX_BYTES, timer: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes, self._timer = max_bytes, timer
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Another thread of the parent may have held the lock."""
        self._lock = threading.Lock()
        self._entries: TTLCache[UserKey, _Entry] = TTLCache(
            self._max_bytes, SECONDS, self._timer, lambda entry: entry.nbytes
        )

    @property
    def nbytes(self) -> int:
        """An estimate."""
        with self._lock:  # to ask for the size removes what is too old
            return cast(int, self._entries.currsize)

    def get(self, key: UserKey, packed: bytes | None, unmerged: str | None) -> Tallies | None:
        """The user's tallies, for reading alone, if they are of these columns (arguments of `merge_tallies`)."""
        with self._lock:
            entry = self._entries.get(key)
        if entry is None or entry.packed != packed or entry.unmerged != unmerged:
            return None
        return entry.tallies

    def put(self, key: UserKey, packed: bytes | None, unmerged: str | None, tallies: Tallies) -> None:
        """Keep what `merge_tallies` made of these columns, unless it is too large."""
        entry = _Entry(packed, unmerged, tallies)
        if entry.nbytes * _LARGEST_SHARE <= self._max_bytes:
            with self._lock:
                self._entries[key] = entry

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


tallies_cache = TalliesCache()
register("unpacked tallies", reset=tallies_cache.clear, after_fork=tallies_cache.reset_after_fork)
