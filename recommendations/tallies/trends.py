"""What a whole casino's users bet on: base rates of single values, and what is in fashion now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recommendations.offer import Column, Offer

from .selections import Match

Floats = np.ndarray[Any, np.dtype[np.float64]]
Keys = np.ndarray[Any, np.dtype[np.int64]]

_EVENT = "event"


@dataclass(frozen=True, slots=True, eq=False)
class DictionarySums(Mapping[str, float]):
    """Sums of the values of a dictionary, as the mapping from value to sum that trends are made of; what is 0 is not in
    it. Whoever has the same dictionary takes `numbers` as they are."""

    values_of: tuple[str, ...]
    places: Mapping[str, int]
    numbers: Floats

    def __getitem__(self, value: str) -> float:
        number = float(self.numbers[self.places[value]])
        if not number:
            raise KeyError(value)
        return number

    def __iter__(self) -> Iterator[str]:
        return (value for value, number in zip(self.values_of, self.numbers, strict=True) if number)

    def __len__(self) -> int:
        return int(np.count_nonzero(self.numbers))

    @property
    def total(self) -> float:
        return float(self.numbers.sum())


@dataclass(frozen=True, slots=True)
class Trends:
    """Decayed numbers of selections, attribute -> value -> number: `weights` with a half-life of 30 days, `recent` of
    one day. `event_ids` (sorted) and `event_trends` say the latter of single events, both of shape (m,); `match_trends` of
    those that coupons name by sport, league, home and away team instead of by id. `event_counts` (m,) are the events'
    selections so far, `last_bet_times` (m,) when the last one was made (Unix seconds)."""

    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    recent: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    event_ids: np.ndarray[Any, np.dtype[np.int64]] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    event_trends: Floats = field(default_factory=lambda: np.empty(0))
    match_trends: Mapping[Match, float] = field(default_factory=dict)
    event_counts: Floats = field(default_factory=lambda: np.empty(0))
    last_bet_times: Floats = field(default_factory=lambda: np.empty(0))
    aligned: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __bool__(self) -> bool:
        return bool(self.event_ids.size or self.match_trends or any(self.recent.values()))

    def of_offer(self, offer: Offer) -> Floats:
        """The events' recent numbers of selections, shape (n,)."""
        kept = self.aligned.get(_EVENT)
        if kept is None or kept[0] is not offer.ids:  # changed odds leave the ids' array as it is
            kept = self.aligned[_EVENT] = (offer.ids, self._align(offer))
        numbers: Floats = kept[1]
        return numbers

    def counts_of(self, offer: Offer) -> Floats:
        """The events' numbers of selections so far, shape (n,)."""
        return self._of_ids("event counts", self.event_counts, offer)

    def last_bet_times_of(self, offer: Offer) -> Floats:
        """When the events were bet on last, 0 where that is not known; shape (n,)."""
        return self._of_ids("event lasts", self.last_bet_times, offer)

    def _of_ids(self, key: str, event_trends: Floats, offer: Offer) -> Floats:
        kept = self.aligned.get(key)
        if kept is None or kept[0] is not offer.ids:
            known = self.event_ids if event_trends.size else self.event_ids[:0]
            kept = self.aligned[key] = (offer.ids, _looked_up(offer.ids, known, event_trends))
        numbers: Floats = kept[1]
        return numbers

    def _align(self, offer: Offer) -> Floats:
        numbers = _looked_up(offer.ids, self.event_ids, self.event_trends)
        if self.match_trends:
            matches = [(_code_of(match, offer), number) for match, number in self.match_trends.items()]
            known = sorted((code, number) for code, number in matches if code is not None)
            codes, found = np.array([code for code, _ in known], dtype=np.int64), np.array([each for _, each in known])
            numbers += _looked_up(_match_codes(offer), codes, found)
        return numbers

    def of_column(self, attribute: str, column: Column[Any]) -> Floats:
        """Each event's recent number of selections of its own value of this attribute, shape (n,)."""
        return column.spread(self._by_value("recent", attribute, column))

    def base_rates(self, attribute: str, column: Column[Any]) -> Floats:
        """The share that each of the column's values has in all selections, smoothed by one; shape (values,)."""
        numbers = self._by_value("weights", attribute, column)
        kept = self.aligned.get(attribute)
        if kept is None or kept[0] is not numbers:
            # by what the casino's users bet on, not by what this process happens to have seen in offers
            of_values = self.weights.get(attribute, {})
            kept = self.aligned[attribute] = (
                numbers,
                (numbers + 1.0) / (_total(of_values) + len(of_values) + 1.0),
            )
        shares: Floats = kept[1]
        return shares

    def _by_value(self, which: str, attribute: str, column: Column[Any]) -> Floats:
        key = f"{which} {attribute}"
        kept = self.aligned.get(key)
        if kept is None or kept[0] is not column.values:
            of_values = getattr(self, which).get(attribute, {})
            numbers = _along(of_values, column.values)
            kept = self.aligned[key] = (column.values, numbers)
        aligned: Floats = kept[1]
        return aligned


def _along(of_values: Mapping[str, float], values: tuple[Any, ...]) -> Floats:
    """The values' numbers, shape (values,)."""
    if isinstance(of_values, DictionarySums) and of_values.values_of is values:
        return of_values.numbers
    return np.array([of_values.get(value, 0.0) for value in values], dtype=np.float64)


def _total(of_values: Mapping[str, float]) -> float:
    return of_values.total if isinstance(of_values, DictionarySums) else sum(of_values.values())


def _looked_up(keys: Keys, sorted_keys: Keys, numbers: Floats) -> Floats:
    """Each key's number, 0 for one that is not among the sorted keys; shape (n,)."""
    if not sorted_keys.size:
        return np.zeros(keys.size)
    places = np.minimum(np.searchsorted(sorted_keys, keys), sorted_keys.size - 1)
    return np.where(sorted_keys[places] == keys, numbers[places], 0.0)


def _match_codes(offer: Offer) -> Keys:
    """One number for each event's sport, league, home and away team, shape (n,)."""
    homes, aways = len(offer.home_team.values), len(offer.away_team.values)
    return (offer.pair.codes.astype(np.int64) * homes + offer.home_team.codes) * aways + offer.away_team.codes


def _code_of(match: Match, offer: Offer) -> int | None:
    """The same number of a match; None if the offer knows no such league or team."""
    sport, league, home, away = match
    places = (
        offer.pair.dictionary.places.get((sport, league)),
        offer.home_team.dictionary.places.get(home),
        offer.away_team.dictionary.places.get(away),
    )
    if None in places:
        return None
    pair, home_place, away_place = places
    return (pair * len(offer.home_team.values) + home_place) * len(offer.away_team.values) + away_place  # type: ignore[operator]


NO_TRENDS = Trends()
