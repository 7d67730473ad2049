"""Results that requests computed from the tallies of their last users. Each is used only while the request's query
finds the `TALLIES_VERSION` that it was computed from."""

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
SECONDS = 600.0  # none is used for longer: what was erased in the database is not served from here, and soon leaves
# In what recommenders keep: its attribute, code, weight and share, place and number as a token; and as a team, which
# most values are, two codes and two shares.
_BYTES_OF_VALUE = 33 + 16
_BYTES_OF_BET = 48  # on an outcome: the numbers and weights of its keys
_SMALLEST = 3_328
_LARGEST_SHARE = 8  # one user may take an eighth

UserKey = tuple[str, OwnId]  # alias of the casino's database, user
_SUMMARIES = msgspec.msgpack.Decoder(Summary)


class _Entry(msgspec.Struct, frozen=True):
    """`summary` is packed."""

    version: str
    summary: bytes
    memos: Memos
    nbytes: int


class KeptTallies(NamedTuple):
    """What was made of a user's tallies of this `TALLIES_VERSION`."""

    version: str
    summary: Summary
    memos: Memos


class TalliesCache:
    """Least recently used users leave first. Thread-safe: of what is kept, only the memos change."""

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
        """An estimate."""
        with self._lock:  # to ask for the size removes what is too old
            return cast(int, self._entries.currsize)

    def get(self, key: UserKey) -> KeptTallies | None:
        """To be used only if the database has the version."""
        try:
            with self._lock:
                entry = self._entries[key]  # `get` would look twice
        except KeyError:
            return None
        return KeptTallies(entry.version, _SUMMARIES.decode(entry.summary), entry.memos)

    def put(self, key: UserKey, version: str, tallies: Tallies, summary: Summary) -> None:
        """Keep the summary and the memos of what `merge_tallies` made of the columns of this version, unless they may
        become too large."""
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
