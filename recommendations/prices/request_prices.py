"""The prices of one request: from the cache, or read by the request."""

from collections.abc import Sequence
from typing import Any

from .cache import KnownPrices, price_cache
from .event_prices import PackedPrices
from .feeds import Feeds, decode_feeds, stricter
from .lines import Lines
from .meter import price_meter
from .queries import PriceChanges, read_prices


class RequestPrices:
    """The prices for all users of one request in one thread. `feeds` is None until a query has read them."""

    def __init__(self, known: KnownPrices, feeds: Feeds | None = None) -> None:
        self._known = known
        self._rows: dict[int, PackedPrices] = {}
        self.feeds = feeds

    @property
    def lines(self) -> Lines:
        return self._known.kept.lines

    def of(self, event_ids: Sequence[int]) -> dict[int, PackedPrices]:
        """The prices of these events. One query reads those that are not cached."""
        unknown = [event_id for event_id in event_ids if event_id not in self._rows]
        if unknown:
            self._rows |= price_cache.get(self._known, unknown)
            if missing := [event_id for event_id in unknown if event_id not in self._rows]:
                self._read(missing)
        return {event_id: self._rows[event_id] for event_id in event_ids}

    def _read(self, event_ids: Sequence[int]) -> None:
        read = read_prices(event_ids, self.lines)
        price_meter.count_second_query()
        # each price is checked against the feeds of its own snapshot and of the request's other snapshots
        self.feeds = read.feeds if self.feeds is None else stricter(self.feeds, read.feeds)
        self._rows |= read.rows
        price_cache.put(self._known, read.version, read.rows, are_used=True)


def prices_at_begin() -> KnownPrices:
    """The current casino's cached prices. If they have a `version`, the request's query needs `PRICE_COLUMNS`."""
    return price_cache.known()


def prices_of_query(known: KnownPrices | None, columns: Sequence[Any]) -> RequestPrices:
    """The prices for a request whose query returned these `PRICE_COLUMNS`; empty if the query did not select them."""
    if known is None:
        return RequestPrices(price_cache.known())
    if not columns:
        return RequestPrices(known)
    version, column, feeds = columns
    changes = PriceChanges(column)
    before = price_cache.before(known, changes.event_ids) if changes.event_ids else {}
    advanced = price_cache.advance(known, version, changes.event_ids)
    # else the prices are of another version, or have the numbers of other `Lines`
    if before and advanced.is_usable and advanced.kept is known.kept:
        price_cache.put(advanced, version, changes.apply(before, known.kept.lines), are_used=False)
    return RequestPrices(advanced, decode_feeds(feeds))
