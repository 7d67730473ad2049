"""A cache of results that requests computed from users' tallies. A result is valid only while the request's query
returns the same `TALLIES_VERSION`."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple, cast

import msgspec
from cachetools import TTLCache

from recommendations.validation.own_ids import OwnId
from tenants.process_state import register

from .user_tallies import Memos, Summary, Tallies

MAX_BYTES = 24_000_000
SECONDS = 600.0  # TTL: an erased user's results are never served, and leave the memory within this time
# In the recommenders' memos: a value's attribute, code, weight and share, its place and number as a token; and for a
# team, as most values are, two codes and two shares.
_BYTES_OF_VALUE = 33 + 16
_BYTES_OF_BET = 48  # a bet on an outcome: the numbers and weights of its keys
_SMALLEST = 3_328  # bytes of an entry without values
_LARGEST_SHARE = 8  # of the cache: one user may take an eighth

UserKey = tuple[str, OwnId]  # alias of the casino's database, user
_SUMMARIES = msgspec.msgpack.Decoder(Summary)


class _Entry(msgspec.Struct, frozen=True):
    """`summary` is packed as msgpack."""

    version: str
    summary: bytes
    memos: Memos
    nbytes: int


class CachedTallies(NamedTuple):
    """A cached summary and memos of a user's tallies of this `TALLIES_VERSION`."""

    version: str
    summary: Summary
    memos: Memos


class TalliesCache:
    """An LRU cache with a TTL. Thread-safe: of the cached objects, only the memos change."""

    def __init__(self, max_bytes: int = MAX_BYTES, timer: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes, self._timer = max_bytes, timer
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._entries: TTLCache[UserKey, _Entry] = TTLCache(
            self._max_bytes, SECONDS, self._timer, lambda entry: entry.nbytes
        )

    @property
    def nbytes(self) -> int:
        """The estimated bytes of all entries."""
        with self._lock:  # reading the size removes expired entries
            return cast(int, self._entries.currsize)

    def get(self, key: UserKey) -> CachedTallies | None:
        """The user's cached results, None without any. Use them only if the database has the same version."""
        try:
            with self._lock:
                entry = self._entries[key]  # `get` would look up twice
        except KeyError:
            return None
        return CachedTallies(entry.version, _SUMMARIES.decode(entry.summary), entry.memos)

    def put(self, key: UserKey, version: str, tallies: Tallies, summary: Summary) -> None:
        """Cache the summary and the memos of these tallies, which `merge_tallies` returned for columns of this version,
        unless they may become too large."""
        packed = bytes(memoryview(msgspec.msgpack.encode(summary)))  # without the rest of the encoder's buffer
        nbytes = (
            _SMALLEST
            + len(version)
            + len(packed)
            + _BYTES_OF_VALUE * tallies.value_count
            + _BYTES_OF_BET * tallies.bet_count
        )
        if nbytes * _LARGEST_SHARE <= self._max_bytes:
            with self._lock:
                self._entries[key] = _Entry(version, packed, tallies.memos, nbytes)


tallies_cache = TalliesCache()
register("kept tallies", reset=tallies_cache.reset)
