"""A casino's tallies as popularity: base rates of attributes' values, and recent trends of values and events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any

import numpy as np

from recommendations.offer import Column, Dictionary, Offer
from recommendations.offer.arrays import Floats, Ids
from recommendations.validation.identity import Match

TREND_HALF_LIFE = 86_400.0  # seconds, of popularity
_EVENT = "event"


@dataclass(frozen=True, slots=True, eq=False)
class DictionarySums(Mapping[str, float]):
    """The sums of a column's values, without zeros. A column with the same dictionary uses `numbers` directly."""

    values_of: Sequence[str]
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
    one day.

    For single events, with `event_ids` sorted and all arrays of shape (m,): `event_trends` with a half-life of one day,
    `event_counts` of all selections so far, `last_bet_times` (Unix seconds). `match_trends`: for events that coupons
    name by teams instead of by id. `aligned`: a cache of numbers in the order of an offer."""

    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    recent: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    event_ids: Ids = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    event_trends: Floats = field(default_factory=lambda: np.empty(0))
    match_trends: Mapping[Match, float] = field(default_factory=dict)
    event_counts: Floats = field(default_factory=lambda: np.empty(0))
    last_bet_times: Floats = field(default_factory=lambda: np.empty(0))
    aligned: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __bool__(self) -> bool:
        return bool(self.event_ids.size or self.match_trends or any(self.recent.values()))

    def of_offer(self, offer: Offer) -> Floats:
        """The recent number of selections of each event, shape (n,)."""
        columns = offer.ids, offer.home_team.codes, offer.away_team.codes  # a change of odds keeps these arrays
        cached = self.aligned.get(_EVENT)
        if cached is None or not all(map(is_, cached[0], columns)):
            cached = self.aligned[_EVENT] = (columns, self._align(offer))
        numbers: Floats = cached[1]
        return numbers

    def counts_of(self, offer: Offer) -> Floats:
        """The number of selections of each event so far, shape (n,)."""
        return self._along_offer("event counts", self.event_counts, offer)

    def last_bet_times_of(self, offer: Offer) -> Floats:
        """The time of each event's last selection (Unix seconds), 0 if unknown; shape (n,)."""
        return self._along_offer("last bet times", self.last_bet_times, offer)

    def _along_offer(self, key: str, per_event: Floats, offer: Offer) -> Floats:
        cached = self.aligned.get(key)
        if cached is None or cached[0] is not offer.ids:
            known = self.event_ids if per_event.size else self.event_ids[:0]
            cached = self.aligned[key] = (offer.ids, _look_up(offer.ids, known, per_event))
        numbers: Floats = cached[1]
        return numbers

    def _align(self, offer: Offer) -> Floats:
        numbers = _look_up(offer.ids, self.event_ids, self.event_trends)
        if self.match_trends:
            matches = [(_code_of(match, offer), number) for match, number in self.match_trends.items()]
            known = sorted((code, number) for code, number in matches if code is not None)
            codes, found = np.array([code for code, _ in known], dtype=np.int64), np.array([each for _, each in known])
            numbers += _look_up(_match_codes(offer), codes, found)
        return numbers

    def of_column(self, attribute: str, column: Column[Any]) -> Floats:
        """The recent number of selections of each event's value of this attribute, shape (n,)."""
        return column.spread(self._by_value("recent", attribute, column))

    def base_rates(self, attribute: str, column: Column[Any]) -> Floats:
        """The share of each of the column's values in all selections, with add-one smoothing; shape (values,)."""
        numbers = self._by_value("weights", attribute, column)
        cached = self.aligned.get(attribute)
        if cached is None or cached[0] is not numbers:
            # the number of values comes from the tallies: the column's depends on the offers that this process has read
            by_value = self.weights.get(attribute, {})
            cached = self.aligned[attribute] = (
                numbers,
                (numbers + 1.0) / (_total(by_value) + len(by_value) + 1.0),
            )
        shares: Floats = cached[1]
        return shares

    def _by_value(self, which: str, attribute: str, column: Column[Any]) -> Floats:
        key, dictionary, by_value = f"{which} {attribute}", column.dictionary, getattr(self, which).get(attribute, {})
        known, numbers = self.aligned.get(key, (None, None))
        if known is not dictionary:
            if known is not None and known.longer(dictionary) is dictionary:
                added = [by_value.get(value, 0.0) for value in dictionary.values[len(known.values) :]]
                numbers = np.append(numbers, added)
            else:
                numbers = _numbers_along(by_value, dictionary)
            self.aligned[key] = dictionary, numbers
        aligned: Floats = numbers
        return aligned


def _numbers_along(by_value: Mapping[str, float], dictionary: Dictionary[Any]) -> Floats:
    """The numbers of the dictionary's values, shape (values,)."""
    if isinstance(by_value, DictionarySums) and by_value.values_of is dictionary.values:
        return by_value.numbers
    numbers = np.zeros(len(dictionary.values))
    for value, number in by_value.items():
        if (place := dictionary.places.get(value)) is not None:
            numbers[place] = number
    return numbers


def _total(by_value: Mapping[str, float]) -> float:
    return by_value.total if isinstance(by_value, DictionarySums) else sum(by_value.values())


def _look_up(keys: Ids, sorted_keys: Ids, numbers: Floats) -> Floats:
    """The number of each key, 0 for unknown keys; shape (n,)."""
    if not sorted_keys.size:
        return np.zeros(keys.size)
    places = np.minimum(np.searchsorted(sorted_keys, keys), sorted_keys.size - 1)
    return np.where(sorted_keys[places] == keys, numbers[places], 0.0)


def _match_codes(offer: Offer) -> Ids:
    """A number for each event's pair of teams, shape (n,)."""
    return offer.home_team.codes.astype(np.int64) * len(offer.away_team.values) + offer.away_team.codes


def _code_of(match: Match, offer: Offer) -> int | None:
    """The match's number as in `_match_codes`; None if a team is not in the offer's dictionaries."""
    home, away = match
    home_place = offer.home_team.dictionary.places.get(home)
    away_place = offer.away_team.dictionary.places.get(away)
    if home_place is None or away_place is None:
        return None
    return home_place * len(offer.away_team.values) + away_place


NO_TRENDS = Trends()
