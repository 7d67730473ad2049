"""The contribution of many coupons to their casino's tallies, summed before it is written."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from recommendations.validation.fields import SEPARATOR

from .selections import HALF_LIFE, odds_band

TREND_HALF_LIFE = 86_400.0  # seconds

Key = tuple[str, str]
Sums = list[float]  # count, weight, trend
SelectionKey = tuple[int | None, str, str, str, str, str, int]  # event, sport, league, country, teams, odds band


class SelectionLike(Protocol):
    """A selection of a coupon, of any class."""

    @property
    def event_id(self) -> int | None: ...
    @property
    def sport(self) -> str: ...
    @property
    def league(self) -> str: ...
    @property
    def country(self) -> str: ...
    @property
    def home_team(self) -> str: ...
    @property
    def away_team(self) -> str: ...
    @property
    def odd(self) -> float | Decimal | None: ...


class CasinoSums(msgspec.Struct, array_like=True):
    """Counts, weights and trends as of one time, in Unix seconds. Selections of one event share one entry until
    `by_key`, because a batch has many selections per event."""

    as_of: float
    sums: dict[SelectionKey, Sums] = {}

    def add(self, timestamp: float, selections: Iterable[SelectionLike], sign: int = 1) -> None:
        """Add the selections of a coupon bought at `timestamp`, not later than `as_of`; sign -1 subtracts them."""
        age = self.as_of - timestamp
        weight, trend = sign * 2.0 ** (-age / HALF_LIFE), sign * 2.0 ** (-age / TREND_HALF_LIFE)
        for each in selections:
            band = odds_band(float(each.odd or 0))  # comparing a Decimal takes ten times as long
            key = (each.event_id, each.sport, each.league, each.country, each.home_team, each.away_team, band)
            _add(self.sums, key, sign, weight, trend)

    def merge(self, other: "CasinoSums") -> None:
        """Add the sums of `other`."""
        as_of = max(self.as_of, other.as_of)
        self._move_to(as_of)
        other._move_to(as_of)
        for key, sums in other.sums.items():
            _add(self.sums, key, *sums)

    def by_key(self) -> dict[Key, Sums]:
        """(attribute, value) -> count, weight and trend."""
        keyed: dict[Key, Sums] = {}
        for selection, sums in self.sums.items():
            for key in _keys_of(selection):
                _add(keyed, key, *sums)
        return keyed

    def _move_to(self, as_of: float) -> None:
        age = as_of - self.as_of
        if not age:
            return
        self.as_of = as_of
        by_weight, by_trend = 2.0 ** (-age / HALF_LIFE), 2.0 ** (-age / TREND_HALF_LIFE)
        for sums in self.sums.values():
            sums[1] *= by_weight
            sums[2] *= by_trend


def _add(sums: dict[Any, Sums], key: Any, count: float, weight: float, trend: float) -> None:
    known = sums.get(key)
    if known is None:
        sums[key] = [count, weight, trend]
    else:
        known[0] += count
        known[1] += weight
        known[2] += trend


def _keys_of(selection: SelectionKey) -> Iterator[Key]:
    event_id, sport, league, country, home_team, away_team, band = selection
    yield "event", str(event_id) if event_id else SEPARATOR.join((sport, league, home_team, away_team))
    yield "sport", sport
    yield "league", league
    yield "country", country
    yield "home_team", home_team
    yield "away_team", away_team
    yield "odds_band", str(band)
