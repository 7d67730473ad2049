"""The cache of prices of ranked events, updated from the database's log of changes.

All cached prices of a casino are as of one version: prices read as of another version are not cached, and a request
whose query read another version uses no cached prices. A request checks each price against the feeds as of the same
snapshot as the price: one message may change a price and, in the same transaction, report that its feed is down.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from django.conf import settings

from tenants.process_state import register
from tenants.routing.context import get_current_casino

from .event_prices import PackedPrices
from .lines import Lines

# In place of the ids of changed events: too many changed; or the database's log does not contain the version.
FORGET_PRICES, FORGET_ALL = 0, -1
_ROOM_AFTER_EVICTION = 0.75
_BYTES_OF_ROW = 200  # of the object and its dictionary entries
_BYTES_OF_USED = 130  # of an id with its entry, in the dictionary and in the text of ids
_MOST_USED, _LEFT_USED = 1_200, 1_000  # events; beyond the first, all but the latest are forgotten
_MOST_CHANGED = 200  # changed market lines; beyond, reading the few needed events costs less


class CachedPrices:
    """One casino's cached prices, all as of `version`; None: nothing is cached. `used`: the ids of the events whose
    prices requests used last; queries read their changes. The cache's lock guards this object."""

    __slots__ = ("_bytes_of_rows", "_used_text", "lines", "rows", "used", "version")

    def __init__(self, version: int | None = None) -> None:
        self.version = version
        self.lines = Lines()
        self.rows: dict[int, PackedPrices] = {}
        self.used: OrderedDict[int, None] = OrderedDict()
        self._used_text: str | None = None
        self._bytes_of_rows = 0

    @property
    def nbytes(self) -> int:
        return self._bytes_of_rows + _BYTES_OF_USED * len(self.used) + self.lines.nbytes

    def keep(self, rows: Mapping[int, PackedPrices]) -> None:
        self.forget(rows)
        self.rows.update(rows)
        self._bytes_of_rows += sum(len(row) + _BYTES_OF_ROW for row in rows.values())

    def use(self, event_ids: Iterable[int]) -> None:
        for event_id in event_ids:
            if event_id in self.used:
                self.used.move_to_end(event_id)
            else:
                self.used[event_id] = None
                if self._used_text is not None:
                    self._used_text += f",{event_id}"
        if len(self.used) > _MOST_USED:  # several at once, since the text is then built again
            while len(self.used) > _LEFT_USED:
                self.used.popitem(last=False)
            self._used_text = None

    def parameters(self) -> dict[str, Any]:
        """The parameters of `PRICE_COLUMNS`, which select the changed market lines of the used events."""
        if self._used_text is None:  # building it for many ids takes longer than the rest of the method
            self._used_text = "".join(f",{event_id}" for event_id in self.used)
        return {
            "price_version": self.version,
            "price_events": f"{{{self._used_text[1:]}}}",
            "price_limit": _MOST_CHANGED,
        }

    def forget(self, event_ids: Iterable[int]) -> None:
        for event_id in event_ids:
            if (row := self.rows.pop(event_id, None)) is not None:
                self._bytes_of_rows -= len(row) + _BYTES_OF_ROW

    def evict(self, event_id: int) -> None:
        """Remove an event to free memory; queries no longer read its changes."""
        self.forget([event_id])
        if event_id in self.used:
            del self.used[event_id]
            self._used_text = None

    def forget_rows(self) -> None:
        self.rows.clear()
        self._bytes_of_rows = 0


class KnownPrices(msgspec.Struct, frozen=True):
    """A casino's cached prices when a request begins. The request's query selects the price columns, with these
    `parameters`, only if there is a `version`. Only if `is_usable`, the cached prices equal those that the request's
    query would have read."""

    alias: str
    kept: CachedPrices
    version: int | None
    parameters: Mapping[str, Any]
    is_usable: bool = False


class PriceCache:
    """A cache of at most `max_bytes`. It evicts the casino that was used least recently first, then the events that
    were read first. Thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.reset()

    def reset(self) -> None:
        self._kept: OrderedDict[str, CachedPrices] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        with self._lock:
            return self._nbytes()

    def known(self) -> KnownPrices:
        """Return the current casino's cached prices. Query the database with their version, then call `advance`."""
        alias = get_current_casino().alias
        with self._lock:
            kept = self._kept.get(alias)
            if kept is None:
                kept = self._kept[alias] = CachedPrices()
            self._kept.move_to_end(alias)
            return KnownPrices(alias, kept, kept.version, kept.parameters())

    def before(self, known: KnownPrices, event_ids: Iterable[int]) -> dict[int, PackedPrices]:
        """The cached prices of these events as of `known.version`; events without one are left out."""
        with self._lock:
            return _rows(known, event_ids)

    def advance(self, known: KnownPrices, version: int | None, changed: Sequence[int] | None) -> KnownPrices:
        """Remove the prices that changed up to `version`. Both values come from a query with `known.version`."""
        with self._lock:
            kept = self._kept.setdefault(known.alias, known.kept)
            if changed is not None and kept is known.kept and kept.version == known.version:
                kept = self._without(known.alias, kept, version, changed)
            # else another request was faster: its cached prices may be of another version
            is_usable = version is not None and kept.version == version
            return KnownPrices(known.alias, kept, version, known.parameters, is_usable)

    def get(self, known: KnownPrices, event_ids: Iterable[int]) -> dict[int, PackedPrices]:
        """The cached prices of these events; none if they are not usable or another request has advanced them since."""
        if not known.is_usable:
            return {}
        with self._lock:
            found = _rows(known, event_ids)
            known.kept.use(found)
            return found

    def put(self, known: KnownPrices, version: int | None, rows: Mapping[int, PackedPrices], *, are_used: bool) -> None:
        """Cache prices that a query read in the same statement as `version`, unless the cache has another version."""
        with self._lock:
            kept = known.kept
            if version is None or self._kept.get(known.alias) is not kept:
                return
            if kept.version is None:
                kept.version = version
            if version != kept.version:
                return
            if are_used:
                kept.keep(rows)
                kept.use(rows.keys())
            else:  # another request of this version may use its prices already
                kept.keep({event_id: row for event_id, row in rows.items() if event_id not in kept.rows})
            self._make_room(known.alias)

    def _without(self, alias: str, kept: CachedPrices, version: int | None, changed: Sequence[int]) -> CachedPrices:
        if version is None or FORGET_ALL in changed:
            kept = self._kept[alias] = CachedPrices(version)
        elif FORGET_PRICES in changed:
            kept.forget_rows()
        else:
            kept.forget(changed)
        kept.version = version
        return kept

    def _make_room(self, alias: str) -> None:
        size = self._nbytes()
        while size > self._max_bytes and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            dropped = self._kept.pop(oldest if oldest != alias else next(reversed(self._kept)))
            size -= dropped.nbytes
        if size <= self._max_bytes:
            return
        kept = self._kept[alias]
        room = int(self._max_bytes * _ROOM_AFTER_EVICTION)
        for event_id in list(kept.rows):
            if kept.nbytes <= room:
                break
            kept.evict(event_id)

    def _nbytes(self) -> int:
        return sum(kept.nbytes for kept in self._kept.values())


def _rows(known: KnownPrices, event_ids: Iterable[int]) -> dict[int, PackedPrices]:
    rows = known.kept.rows if known.kept.version == known.version else {}
    return {event_id: rows[event_id] for event_id in event_ids if event_id in rows}


price_cache = PriceCache(settings.PRICES_MEMORY_MB * 1_000_000)
register("kept prices", reset=price_cache.reset)
