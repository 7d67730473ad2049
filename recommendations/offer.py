"""The offer: a casino's events as columns in memory, as fresh as its database at every request."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeGuard

import numpy as np
from django.conf import settings

from tenants.connections import current_alias

from .models import Event, EventStatus, OfferVersion

Codes = np.ndarray[Any, np.dtype[np.int32]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

ATTRIBUTES = ("sport", "league", "country", "home_team", "away_team")


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute of all events: `codes[i]` is the place of event i's value in `values`."""

    codes: Codes
    values: tuple[str, ...]
    places: dict[str, int]

    def equals(self, value: str | None) -> Mask:
        """Which events have this value; none, if it is unknown or None."""
        place = self.places.get(value, -1) if value is not None else -1
        return np.equal(self.codes, place)

    def __getitem__(self, event: int) -> str:
        return self.values[int(self.codes[event])]


@dataclass(frozen=True, slots=True)
class Offer:
    """n events, sorted by id. `ids`: int64; `begins`: float64, Unix seconds; `odds`: float64; all of shape (n,)."""

    version: int | None
    ids: np.ndarray[Any, np.dtype[np.int64]]
    begins: np.ndarray[Any, np.dtype[np.float64]]
    odds: np.ndarray[Any, np.dtype[np.float64]]
    sport: Column
    league: Column
    country: Column
    home_team: Column
    away_team: Column

    def __len__(self) -> int:
        return len(self.ids)

    def keep(self, events: Mask) -> "Offer":
        """The offer of these events only."""
        columns = {name: _keep_column(getattr(self, name), events) for name in ATTRIBUTES}
        return Offer(self.version, self.ids[events], self.begins[events], self.odds[events], **columns)

    def pairs(self) -> list[tuple[str, str]]:
        """The (sport, league) pairs that occur, sorted."""
        leagues = len(self.league.values)
        pairs = np.unique(self.sport.codes.astype(np.int64) * leagues + self.league.codes)
        return sorted((self.sport.values[pair // leagues], self.league.values[pair % leagues]) for pair in pairs)


class OfferCache:
    """The offers of the casinos asked for last, at most `capacity` of them. Safe under threads.

    An offer serves as long as its version is the database's; there is nothing to invalidate. A lower version than
    the one in memory is another one too: that of a database that was restored.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._offers: OrderedDict[str, Offer] = OrderedDict()
        self._guard = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}

    def get(self, version: int | None, now: datetime) -> Offer:
        """The current casino's offer, at least as new as `version` of its database."""
        alias = current_alias()
        seen = self._find(alias)
        if seen is not None and version is not None and seen.version == version:
            return seen
        with self._loader(alias):  # of many requests that miss at once, one loads
            loaded_meanwhile = self._find(alias)
            if loaded_meanwhile is not seen and _is_as_new_as(loaded_meanwhile, version):
                return loaded_meanwhile
            return self._keep(alias, load_offer(now))

    def _find(self, alias: str) -> Offer | None:
        with self._guard:
            offer = self._offers.get(alias)
            if offer is not None:
                self._offers.move_to_end(alias)
            return offer

    def _keep(self, alias: str, offer: Offer) -> Offer:
        with self._guard:
            self._offers[alias] = offer
            self._offers.move_to_end(alias)
            while len(self._offers) > self._capacity:
                dropped, _ = self._offers.popitem(last=False)
                self._loading.pop(dropped, None)
        return offer

    def _loader(self, alias: str) -> threading.Lock:
        with self._guard:
            return self._loading.setdefault(alias, threading.Lock())


def _is_as_new_as(offer: Offer | None, version: int | None) -> TypeGuard[Offer]:
    return offer is not None and offer.version is not None and version is not None and offer.version >= version


offers = OfferCache(settings.OFFERS_IN_MEMORY)


def load_offer(now: datetime) -> Offer:
    """Read the current casino's open events that have not begun at `now`. Those that begin later on are for the gate.

    The version is read first: rows that change in between make the offer newer than its version, never older.
    """
    version = OfferVersion.objects.values_list("version", flat=True).first()
    columns = ("id", "begin_timestamp", "odd", *ATTRIBUTES)
    rows = Event.objects.filter(begin_timestamp__gt=now, status=EventStatus.OPEN).order_by("id").values_list(*columns)
    return build_offer(version, rows)


def build_offer(version: int | None, rows: Iterable[tuple[Any, ...]]) -> Offer:
    """Columns out of rows of (id, begin_timestamp, odd, sport, league, country, home_team, away_team), sorted by id."""
    ids, begins, odds, *attributes = list(zip(*rows, strict=True)) or [()] * (3 + len(ATTRIBUTES))
    return Offer(
        version,
        np.array(ids, dtype=np.int64),
        np.array([begin.timestamp() for begin in begins], dtype=np.float64),
        np.array(odds, dtype=np.float64),
        **{name: _column(values) for name, values in zip(ATTRIBUTES, attributes, strict=True)},
    )


def _column(texts: tuple[str, ...]) -> Column:
    places: dict[str, int] = {}
    codes = np.array([places.setdefault(text, len(places)) for text in texts], dtype=np.int32)
    return Column(codes, tuple(places), places)


def _keep_column(column: Column, events: Mask) -> Column:
    return Column(column.codes[events], column.values, column.places)
