"""The cache of offers. An offer is patched with the changes since its version, or reloaded if the log is too short."""

import threading
from collections import OrderedDict
from datetime import datetime

import msgspec
from django.conf import settings

from tenants.process_state import register
from tenants.routing.context import get_current_casino

from .queries import RELOAD, advanced, load_offer, query_changes
from .snapshot import Offer


class CachedOffer(msgspec.Struct, frozen=True):
    """A casino's cached offer when a request begins; `offer` and `version` are None if no offer is cached."""

    alias: str
    offer: Offer | None
    version: int | None


class OfferCache:
    """An LRU cache of offers of at most `max_bytes` in total; it keeps at least one offer. Thread-safe.

    An offer is valid while its version equals the database's, so nothing needs to be invalidated.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.reset()

    def reset(self) -> None:
        self._offers: OrderedDict[str, Offer] = OrderedDict()
        self._sizes: dict[str, int] = {}  # alias -> bytes of the offer's columns
        self._memo_sizes: dict[str, int] = {}
        self._bytes = 0
        self._lock = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}

    @property
    def nbytes(self) -> int:
        """The size of all cached offers."""
        return self._bytes

    def known(self) -> CachedOffer:
        """Return the current casino's cached offer. Query the database with its version, then call `advance`."""
        alias = get_current_casino().alias
        with self._lock:
            offer = self._offers.get(alias)
            if offer is None:
                return CachedOffer(alias, None, None)
            self._offers.move_to_end(alias)
            if (size := offer.memo.nbytes) != self._memo_sizes[alias]:
                self._bytes += size - self._memo_sizes[alias]
                self._memo_sizes[alias] = size
            return CachedOffer(alias, offer, offer.version)

    def advance(self, known: CachedOffer, version: int | None, changes: str | None, now: datetime) -> Offer:
        """Return the current casino's offer, never older than the query that returned `version` and `changes`.

        The query selects `OFFER_COLUMNS` with the parameter `known.version`.
        """
        if known.offer is None or version is None or changes == RELOAD:
            return self._load(known, now)
        return known.offer if changes is None else self._patch(known, known.offer, version, changes, now)

    def _patch(self, known: CachedOffer, offer: Offer, version: int, changes: str, now: datetime) -> Offer:
        patched = advanced(offer, version, changes, now)
        with self._lock:
            newest = self._offers.get(known.alias)
            if newest is offer or newest is None or (newest.version or 0) < version:
                self._put(known.alias, patched)
        return patched

    def _load(self, known: CachedOffer, now: datetime) -> Offer:
        with self._loader(known.alias):  # of concurrent misses, one loads the offer; the others patch the loaded offer
            newest = self.known()
            if newest.offer is not None and newest.offer is not known.offer:
                version, changes = query_changes(newest.version, now)
                if version is not None and changes != RELOAD:
                    return self.advance(newest, version, changes, now)
            offer = load_offer(now)
            with self._lock:
                # Replace any cached offer: a higher version may come from a rolled back transaction.
                self._put(known.alias, offer)
            return offer

    def _put(self, alias: str, offer: Offer) -> None:
        self._forget(alias)
        self._offers[alias] = offer
        self._sizes[alias], self._memo_sizes[alias] = offer.columns_nbytes, offer.memo.nbytes
        self._bytes += self._sizes[alias] + self._memo_sizes[alias]
        while self._bytes > self._max_bytes and len(self._offers) > 1:
            dropped = next(iter(self._offers))
            self._forget(dropped)
            self._loading.pop(dropped, None)

    def _forget(self, alias: str) -> None:
        if self._offers.pop(alias, None) is not None:
            self._bytes -= self._sizes.pop(alias) + self._memo_sizes.pop(alias)

    def _loader(self, alias: str) -> threading.Lock:
        with self._lock:
            return self._loading.setdefault(alias, threading.Lock())


offers = OfferCache(settings.OFFERS_MEMORY_MB * 1_000_000)
register("cached offers", reset=offers.reset)


def read_offer(now: datetime) -> Offer:
    """Read the current casino's offer with one query. A request adds `OFFER_COLUMNS` to its own query instead."""
    known = offers.known()
    return offers.advance(known, *query_changes(known.version, now), now)
