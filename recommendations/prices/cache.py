"""The prices that this process keeps: those of ranked events, changed or dropped as the database's log says.

All kept rows are as of one version: a row that was read as of another is not kept, and a request whose query read
another uses none. So a request judges each price by what it knows of feeds as of that price's snapshot: a message may
tell a price and, in the same transaction, that its feed is down.
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

# In place of the ids of changed events: too many, or a version that this database's log doesn't have.
FORGET_PRICES, FORGET_ALL = 0, -1
_ROOM_AFTER_EVICTION = 0.75
_BYTES_OF_ROW = 200  # of the object and its entries
_BYTES_OF_USED = 130  # of an id and its entry, in the text of ids too
_MOST_ASKED_FOR = 1_000  # events
_MOST_CHANGED = 200  # of their market lines; where more changed, to read the few that are needed costs less


class KeptPrices:
    """One casino's kept prices, all of which are valid as of `version`; None: none are kept. `used`: the ids of the
    events whose prices requests used last, which are read again once they change. Guarded by the cache."""

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
                self.used[event_id] = self._used_text = None
        while len(self.used) > _MOST_ASKED_FOR:
            self.used.popitem(last=False)

    def parameters(self) -> dict[str, Any]:
        """Of `PRICE_COLUMNS`: they ask for the changed market lines of the used events."""
        if self._used_text is None:  # of many, it takes longer than all else
            self._used_text = f"{{{','.join(map(str, self.used))}}}"
        return {
            "price_version": self.version,
            "price_events": self._used_text,
            "price_limit": _MOST_CHANGED,
        }

    def forget(self, event_ids: Iterable[int]) -> None:
        for event_id in event_ids:
            if (row := self.rows.pop(event_id, None)) is not None:
                self._bytes_of_rows -= len(row) + _BYTES_OF_ROW

    def evict(self, event_id: int) -> None:
        """Forget an event for want of room: its changes are not read either."""
        self.forget([event_id])
        if event_id in self.used:
            del self.used[event_id]
            self._used_text = None

    def forget_rows(self) -> None:
        self.rows.clear()
        self._bytes_of_rows = 0


class KnownPrices(msgspec.Struct, frozen=True):
    """A casino's kept prices at the begin of a request. Without a `version`, the request's query needs none of the
    price columns, which have these `parameters`. Only if `is_usable`, the kept rows are those that the request's query
    would have read."""

    alias: str
    kept: KeptPrices
    version: int | None
    parameters: Mapping[str, Any]
    is_usable: bool = False


class PriceCache:
    """At most `max_bytes`: the casino that was used least recently is forgotten first, then the rows read first.
    Thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.reset()

    def reset(self) -> None:
        self._kept: OrderedDict[str, KeptPrices] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        with self._lock:
            return self._nbytes()

    def known(self) -> KnownPrices:
        """The current casino's: query the database with its version, then call `advance`."""
        alias = get_current_casino().alias
        with self._lock:
            kept = self._kept.get(alias)
            if kept is None:
                kept = self._kept[alias] = KeptPrices()
            self._kept.move_to_end(alias)
            return KnownPrices(alias, kept, kept.version, kept.parameters())

    def before(self, known: KnownPrices, event_ids: Iterable[int]) -> dict[int, PackedPrices]:
        """Those of these events' prices that are kept, as of `known.version`."""
        with self._lock:
            return _rows(known, event_ids)

    def advance(self, known: KnownPrices, version: int | None, changed: Sequence[int] | None) -> KnownPrices:
        """The kept prices without those that changed up to `version`: columns of a query with `known.version`."""
        with self._lock:
            kept = self._kept.setdefault(known.alias, known.kept)
            if changed is not None and kept is known.kept and kept.version == known.version:
                kept = self._without(known.alias, kept, version, changed)
            # else another request was faster: what it kept may be of another version
            is_usable = version is not None and kept.version == version
            return KnownPrices(known.alias, kept, version, known.parameters, is_usable)

    def get(self, known: KnownPrices, event_ids: Iterable[int]) -> dict[int, PackedPrices]:
        """Those of these events' prices that are kept and usable: not if another request has advanced them since."""
        if not known.is_usable:
            return {}
        with self._lock:
            found = _rows(known, event_ids)
            known.kept.use(found)
            return found

    def put(self, known: KnownPrices, version: int | None, rows: Mapping[int, PackedPrices], *, are_used: bool) -> None:
        """Keep rows of a query that read this version in the same statement, unless the kept ones are of another."""
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
            else:  # those that another request of this version kept may be used since
                kept.keep({event_id: row for event_id, row in rows.items() if event_id not in kept.rows})
            self._make_room(known.alias)

    def _without(self, alias: str, kept: KeptPrices, version: int | None, changed: Sequence[int]) -> KeptPrices:
        if version is None or FORGET_ALL in changed:
            kept = self._kept[alias] = KeptPrices(version)
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
