"""What requests made of the tallies of the users who were recommended to last. It is used only where the request's
query returned the same columns again, so that what is served is what the database has."""

import threading
import time
from collections.abc import Callable
from hashlib import sha256
from typing import cast

import msgspec
from cachetools import TTLCache

from tenants.process_state import register

from .user_tallies import Memos, Summary, Tallies

MAX_BYTES = 16_000_000
SECONDS = 600.0  # none is used for longer: what was erased in the database is not served from here, and soon leaves
# In what recommenders keep: its attribute, code, weight and share, place and number as a token; and as a team, which
# most values are, two codes and two shares.
_BYTES_OF_VALUE = 33 + 16
_BYTES_OF_BET = 48  # on an outcome: the numbers and weights of its keys
_SMALLEST = 3_328
_LARGEST_SHARE = 8  # one user may take an eighth

UserKey = tuple[int, int]  # casino, user
_SUMMARIES = msgspec.msgpack.Decoder(Summary)


class _Entry(msgspec.Struct, frozen=True):
    """`summary` is packed."""

    digest: bytes
    summary: bytes
    memos: Memos
    nbytes: int


def digest_of(packed: bytes | None, unmerged: str | None) -> bytes:
    """Of a user's columns (arguments of `merge_tallies`): nobody finds others with the same."""
    of_packed = b"" if packed is None else sha256(packed).digest()
    return sha256(of_packed + (b"" if unmerged is None else unmerged.encode())).digest()


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

    def get(self, key: UserKey, digest: bytes, *, with_top_values: bool = False) -> tuple[Summary, Memos] | None:
        """Those of the user's tallies, if they are of the columns with this `digest_of`, and the summary has the top
        values or needs none."""
        try:
            with self._lock:
                entry = self._entries[key]  # `get` would look twice
        except KeyError:
            return None
        if entry.digest != digest:
            return None
        summary = _SUMMARIES.decode(entry.summary)
        return None if with_top_values and summary.top_values is None else (summary, entry.memos)

    def put(self, key: UserKey, digest: bytes, tallies: Tallies, summary: Summary) -> None:
        """Keep the summary and the memos of what `merge_tallies` made of the columns with this digest, unless they may
        become too large."""
        packed = bytes(memoryview(msgspec.msgpack.encode(summary)))  # without the rest of the encoder's buffer
        nbytes = _SMALLEST + len(packed) + _BYTES_OF_VALUE * tallies.value_count + _BYTES_OF_BET * tallies.bet_count
        if nbytes * _LARGEST_SHARE <= self._max_bytes:
            with self._lock:
                self._entries[key] = _Entry(digest, packed, tallies.memos, nbytes)


tallies_cache = TalliesCache()
register("kept tallies", reset=tallies_cache.reset)
