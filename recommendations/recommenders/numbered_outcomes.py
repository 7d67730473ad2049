"""The scores of `outcome_choice` for all outcomes of an event at once, by tables of what all users share.

Scoring the outcomes of an event one by one takes longer than the rest of its choice.
"""

import threading
from collections.abc import Mapping, MutableMapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from recommendations.offer.arrays import Codes, Floats, Places
from recommendations.prices.event_prices import EventPrices, PackedPrices, unpack
from recommendations.tallies.outcome_bets import NO_BAND
from recommendations.tallies.outcome_keys import OUTCOME_ATTRIBUTES, key_of_odds_band, keys_of_outcome, line_band
from recommendations.tallies.selections import BAND_BOUNDS
from recommendations.tallies.trends import Trends
from recommendations.validation.fields import SEPARATOR

from .base import BettingProfile
from .numbered_bets import UNKNOWN, NumberedBets
from .outcome_choice import casino_outcomes, lifts_of
from .profile import SMOOTHING

Named = Sequence[tuple[str, str, str]]  # market, line and outcome by number; grows only
Keys = Places  # numbers of keys, shape (4, n)

_BOUNDS = np.round(np.array(BAND_BOUNDS) * 1_000).astype(np.int32)
_BANDS = len(BAND_BOUNDS) + 1
_INDEX, _WEIGHTS = "outcome index", "outcome weights"  # in what lasts as long as the lines
_BYTES_OF_KEY, _BYTES_OF_EVENT = 200, 1_000  # of the objects
MAX_BYTES = 500_000  # of kept outcomes: those of some 200 events of 20 markets
_POPULARITY, _SHARE = 0, 1  # rows of weights; the share is smoothed
_NO_LIFTS = np.zeros(0)
_ROOM = 2  # times what is needed, so that arrays don't grow with each new outcome


class OutcomeIndex:
    """The outcomes that were asked for, each in a sport: its entry, and by entry the numbers of its keys, the values of
    `OUTCOME_ATTRIBUTES`; the last is that of the sport's first odds band. Entry 0, of key 0, is none. Grows only.
    Thread-safe."""

    def __init__(self, named: Named) -> None:
        self._named = named
        self._lock = threading.Lock()
        self._entries: dict[str, Codes] = {}  # sport -> number of an outcome -> entry; 0: none yet
        self._size = 1
        self.keys: Keys = np.zeros((len(OUTCOME_ATTRIBUTES), 1), np.intp)
        self.numbers: Mapping[str, dict[str, int]] = {attribute: {} for attribute in OUTCOME_ATTRIBUTES}
        self.attributes, self.values = [""] * UNKNOWN, [""] * UNKNOWN  # by number of the key
        self._bets, self.version = NumberedBets(self.numbers), 0  # it changes before an outcome is found
        self._nbytes = 0

    @property
    def nbytes(self) -> int:
        return self._nbytes + self._bets.nbytes

    def keys_of(self, sport: str, numbers: Places, bands: Places) -> Keys:
        """The keys of n outcomes in a sport, at odds of these bands, in a new array, shape (4, n); key 0 for those of
        an outcome that was never added."""
        entries = self._entries_of(sport).take(numbers)  # first: `keys` has those that were found
        keys: Keys = self.keys.take(entries, axis=1)
        keys[-1] += bands
        return keys

    def add(self, sport: str, numbers: Places) -> None:
        with self._lock:
            self._add(sport, numbers)
            entries_nbytes = sum(each.nbytes for each in self._entries.values())
            self._nbytes = entries_nbytes + self.keys.nbytes + len(self.values) * _BYTES_OF_KEY

    def weights_of(self, profile: BettingProfile) -> tuple[Codes, Floats]:
        """The numbers of the keys that the profile's bets are on, and the sum of the weights of these bets."""
        return self._bets.weights_of(profile, version=self.version)

    def _entries_of(self, sport: str) -> Codes:
        """With room for all numbers."""
        entries = self._entries.get(sport)
        if entries is None or entries.size < len(self._named):
            with self._lock:
                entries = self._entries.get(sport, np.zeros(0, np.int32))
                entries = self._entries[sport] = _with_room(entries, len(self._named))
        return entries

    def _add(self, sport: str, numbers: Places) -> None:
        entries = self._entries[sport]
        missing = [number for number in dict.fromkeys(numbers.tolist()) if not entries[number]]
        self.keys = _with_room(self.keys, self._size + len(missing))
        # those of a sport's bands, and the one before them for none, are added together
        bands = [self._number(OUTCOME_ATTRIBUTES[-1], key_of_odds_band(sport, band)) for band in range(NO_BAND, _BANDS)]
        for number in missing:
            market, line, name = self._named[number]
            values = keys_of_outcome(sport, market, line_band(line), name)
            keys = [self._number(*each) for each in zip(OUTCOME_ATTRIBUTES, values, strict=False)]
            self.keys[:, self._size] = [*keys, bands[-NO_BAND]]
            self.version += 1
            entries[number] = self._size  # the last: without lock, it tells that all else is there
            self._size += 1

    def _number(self, attribute: str, value: str) -> int:
        number = self.numbers[attribute].get(value)
        if number is None:
            number = len(self.values)
            self.attributes.append(attribute)
            self.values.append(value)
            self.numbers[attribute][value] = number
        return number


class EventOutcomes(NamedTuple):
    """What all users share of the n outcomes of an event in a sport, while its `packed` prices are this very object:
    the keys, shape (4, n), and of each the sum of their popularity, shape (n,)."""

    sport: str
    packed: PackedPrices
    prices: EventPrices
    keys: Keys
    popularity: Floats


class KeyWeights:
    """By number of a key of an index: its popularity in the casino, and its smoothed share, `SMOOTHING` times that in
    the casino's bets; both computed when the key is first asked for. The outcomes of events that were used are kept, at
    most `MAX_BYTES`. Thread-safe: threads may compute the same at once."""

    def __init__(self, trends: Trends, index: OutcomeIndex) -> None:
        self.trends, self.index = trends, index
        self._lock = threading.Lock()
        self._weights: Floats = np.full((2, UNKNOWN), np.nan)
        self._weights[_SHARE] = 1.0  # of no key; no outcome has these
        self._kept: dict[int, EventOutcomes] = {}
        self.nbytes = 0

    def outcomes_of(self, event_id: int, sport: str, packed: PackedPrices) -> EventOutcomes:
        kept = self._kept.get(event_id)
        if kept is None or kept.packed is not packed or kept.sport != sport:
            kept = self._find(sport, packed)
            self._keep(event_id, kept)
        return kept

    def _keep(self, event_id: int, outcomes: EventOutcomes) -> None:
        size = _nbytes(outcomes)
        with self._lock:
            self._forget(event_id)
            while self._kept and self.nbytes + size > MAX_BYTES:
                self._forget(next(iter(self._kept)))
            if size <= MAX_BYTES:
                self._kept[event_id] = outcomes
                self.nbytes += size

    def _find(self, sport: str, packed: PackedPrices) -> EventOutcomes:
        prices = unpack(packed)
        numbers, bands = prices.numbers(), _BOUNDS.searchsorted(prices.odds, side="right")
        keys = self.index.keys_of(sport, numbers, bands)
        if not keys[0].all():
            self.index.add(sport, numbers)
            keys = self.index.keys_of(sport, numbers, bands)
        popularity: Floats = np.add.reduce(self._computed(_POPULARITY, keys))  # half the time of `sum`
        return EventOutcomes(sport, packed, prices, keys.astype(np.min_scalar_type(len(self.index.values))), popularity)

    def _forget(self, event_id: int) -> None:
        if (kept := self._kept.pop(event_id, None)) is not None:
            self.nbytes -= _nbytes(kept)

    def lifts(self, profile: BettingProfile) -> Floats:
        """The user's lifts by number of the key, 0 for one that the user did not bet on: as long as the index has the
        same version."""
        own, weights = self.index.weights_of(profile)
        lifts = np.zeros(len(self.index.values))
        lifts[own] = lifts_of(weights, self._computed(_SHARE, own))
        return lifts

    def _computed(self, row: int, keys: Places | Codes) -> Floats:
        """The weights of these keys in this row, in an array of their shape."""
        weights = self._weights
        if weights.shape[-1] > len(self.index.values):
            of_keys: Floats = weights[row].take(keys)
            if isfinite(np.add.reduce(of_keys, None)):
                return of_keys
        return self._compute(row, keys)

    def _compute(self, row: int, keys: Places | Codes) -> Floats:
        with self._lock:
            weights: Floats = _with_room(self._weights, len(self.index.values) + 1, np.nan)
            asked = np.unique(keys)
            for key in asked[np.isnan(weights[_SHARE].take(asked))].tolist():
                attribute, value = self.index.attributes[key], self.index.values[key]
                casino = casino_outcomes(self.trends, value.partition(SEPARATOR)[0])
                weights[:, key] = casino.popularity(attribute, value), SMOOTHING * casino.share(attribute, value)
            self._weights = weights
        of_keys: Floats = weights[row].take(keys)
        return of_keys


def _nbytes(kept: EventOutcomes) -> int:
    ends = kept.prices.ends
    return kept.keys.nbytes + kept.popularity.nbytes + len(kept.packed) + len(ends) * ends.itemsize + _BYTES_OF_EVENT


def _with_room(array: Any, size: int, filled_with: float = 0) -> Any:
    """The array, or a longer one: others may be reading this one."""
    if array.shape[-1] >= size:
        return array
    longer = np.full((*array.shape[:-1], size * _ROOM), filled_with, array.dtype)
    longer[..., : array.shape[-1]] = array
    return longer


def key_weights(trends: Trends, named: Named, derived: MutableMapping[str, Any]) -> KeyWeights:
    """The weights of the keys of `named`, kept in `derived`: those of the trends that were used last, and what does not
    depend on them."""
    weights: KeyWeights | None = derived.get(_WEIGHTS)
    if weights is None or weights.trends is not trends:
        index = derived.get(_INDEX) or derived.setdefault(_INDEX, OutcomeIndex(named))
        weights = derived[_WEIGHTS] = KeyWeights(trends, index)
    return weights


class NumberedTaste:
    """A user's taste in all sports, for outcomes by their numbers."""

    def __init__(self, profile: BettingProfile, weights: KeyWeights) -> None:
        self._profile, self._weights = profile, weights
        self._has_bets = bool(profile.bets)
        self._lifts: Floats = _NO_LIFTS
        self._version = -1  # of the index, for the lifts

    def score(self, event_id: int, sport: str, packed: PackedPrices) -> tuple[EventPrices, Floats]:
        """The prices of an event, and the scores of their outcomes as by `score_outcomes`, shape (n,); read-only."""
        outcomes = self._weights.outcomes_of(event_id, sport, packed)
        if not self._has_bets:
            return outcomes.prices, outcomes.popularity
        if self._version != self._weights.index.version:
            self._version = self._weights.index.version  # first: others may add outcomes meanwhile
            self._lifts = self._weights.lifts(self._profile)
        return outcomes.prices, outcomes.popularity + np.add.reduce(self._lifts.take(outcomes.keys))
