"""The offers in memory: each patched by what changed, or read anew where that is not known."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from tenants.routing.connections import current_alias

from .queries import RELOAD, advanced, ask, load_offer
from .snapshot import Offer


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a casino's offer while a request asks for more: the snapshot stays, whatever others do."""

    alias: str
    offer: Offer | None

    @property
    def version(self) -> int | None:
        """To ask the database with."""
        return self.offer.version if self.offer is not None else None


class OfferCache:
    """The offers of the casinos asked for last, as many as fit into `max_bytes`, but at least one. Safe under threads.

    An offer serves as long as its version is the database's; there is nothing to invalidate.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._offers: OrderedDict[str, Offer] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._bytes = 0
        self._guard = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}

    @property
    def nbytes(self) -> int:
        """Of all offers in memory."""
        return self._bytes

    def known(self) -> Known:
        """The current casino's offer in memory: ask the database with its version, then `advance`."""
        alias = current_alias()
        with self._guard:
            offer = self._offers.get(alias)
            if offer is not None:
                self._offers.move_to_end(alias)
                self._count(alias, offer.nbytes)  # its memo grows
            return Known(alias, offer)

    def advance(self, known: Known, version: int | None, changes: str | None, now: datetime) -> Offer:
        """The current casino's offer, never older than the query that brought `version` and `changes`.

        That query was given `known.version`; its columns are `OFFER_COLUMNS`.
        """
        offer = self._follow(known, version, changes, now)
        return offer if offer is not None else self._load(known, now)

    def _follow(self, known: Known, version: int | None, changes: str | None, now: datetime) -> Offer | None:
        """The offer of this version, made of what is in memory; None where it must be read."""
        if known.offer is None or version is None or changes == RELOAD:
            return None
        if changes is None:
            return known.offer
        offer = advanced(known.offer, version, changes, now)
        with self._guard:
            newest = self._offers.get(known.alias)
            if newest is known.offer or newest is None or (newest.version or 0) < version:
                self._put(known.alias, offer)
        return offer

    def _load(self, known: Known, now: datetime) -> Offer:
        with self._loader(known.alias):  # of many requests that miss at once one reads all, the others what came since
            newest = self.known()
            if newest.offer is not None and newest.offer is not known.offer:
                offer = self._follow(newest, *ask(newest.version, now), now)
                if offer is not None:
                    return offer
            offer = load_offer(now)
            with self._guard:
                # Whatever is there: a higher version may be that of a transaction that did not last.
                self._put(known.alias, offer)
            return offer

    def _put(self, alias: str, offer: Offer) -> None:
        self._offers[alias] = offer
        self._offers.move_to_end(alias)
        self._count(alias, offer.nbytes)
        while self._bytes > self._max_bytes and len(self._offers) > 1:
            dropped, _ = self._offers.popitem(last=False)
            self._count(dropped, 0)
            self._loading.pop(dropped, None)

    def _count(self, alias: str, size: int) -> None:
        self._bytes += size - self._sizes.pop(alias, 0)
        if size:
            self._sizes[alias] = size

    def _loader(self, alias: str) -> threading.Lock:
        with self._guard:
            return self._loading.setdefault(alias, threading.Lock())


offers = OfferCache(settings.OFFERS_MEMORY_MB * 1_000_000)


def read_offer(now: datetime) -> Offer:
    """The current casino's offer, as of one query. A request has a query of its own: see `OFFER_COLUMNS`."""
    known = offers.known()
    return offers.advance(known, *ask(known.version, now), now)
