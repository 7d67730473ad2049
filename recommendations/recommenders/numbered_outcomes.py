"""The scores of `outcome_choice` for the outcomes of several events at once, by tables of what all users share.

Scoring the outcomes of an event one by one takes longer than the rest of its choice.
"""

import threading
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from recommendations.offer.arrays import Codes, Floats, Places
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
Events = Sequence[tuple[str, int]]  # of each its sport, and how many outcomes are its
Keys = Places  # numbers of keys, shape (4, n)
Thousandths = np.ndarray[Any, np.dtype[np.int32]]  # of decimal odds

_BOUNDS = np.round(np.array(BAND_BOUNDS) * 1_000).astype(np.int32)
_BANDS = len(BAND_BOUNDS) + 1
_INDEX, _WEIGHTS = "outcome index", "outcome weights"  # in what lasts as long as the lines, as the trends
_BYTES_OF_KEY = 200  # of the objects
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
        self._bets, self._version = NumberedBets(self.numbers), 0
        self._nbytes = 0

    @property
    def nbytes(self) -> int:
        return self._nbytes + self._bets.nbytes

    def keys_of(self, events: Events, numbers: Places, bands: Places) -> Keys:
        """The keys of n outcomes of several events, at odds of these bands, in a new array, shape (4, n); key 0 for
        those of an outcome that was never added."""
        entries = self._find(events, numbers)  # first: `keys` has those that were found
        keys: Keys = self.keys.take(entries, axis=1)
        keys[-1] += bands
        return keys

    def add(self, events: Events, numbers: Places) -> None:
        with self._lock:
            for sport, own in _by_event(events, numbers):
                self._add(sport, own)
            entries_nbytes = sum(each.nbytes for each in self._entries.values())
            self._nbytes = entries_nbytes + self.keys.nbytes + len(self.values) * _BYTES_OF_KEY
            self._version += 1

    def weights_of(self, profile: BettingProfile) -> tuple[Places, Floats]:
        """The numbers of the keys that the profile's bets are on, and the sum of the weights of these bets."""
        return self._bets.weights_of(profile, version=self._version)

    def _find(self, events: Events, numbers: Places) -> Codes:
        sport = events[0][0]
        if all(each == sport for each, _ in events):
            return self._entries_of(sport).take(numbers)
        return np.concatenate([self._entries_of(sport).take(own) for sport, own in _by_event(events, numbers)])

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


class KeyWeights:
    """By number of a key of an index: its popularity in the casino, and its smoothed share, `SMOOTHING` times that in
    the casino's bets; both computed when the key is first asked for. Thread-safe: threads may compute the same at
    once."""

    def __init__(self, trends: Trends, index: OutcomeIndex) -> None:
        self._trends, self.index = trends, index
        self._lock = threading.Lock()
        self._weights: Floats = np.full((2, UNKNOWN), np.nan)  # popularity, smoothed share

    def popularity(self, events: Events, numbers: Places, bands: Places) -> tuple[Keys, Floats]:
        """The keys of n outcomes, see `OutcomeIndex.keys_of`, and of each the sum over its keys, in a new array, shape
        (n,)."""
        keys = self.index.keys_of(events, numbers, bands)
        if self._weights.shape[-1] > len(self.index.values):
            popularity = _sums(self._weights[0], keys)
            if isfinite(np.add.reduce(popularity)):  # unless one is missing
                return keys, popularity
        if not keys[0].all():
            self.index.add(events, numbers)
            keys = self.index.keys_of(events, numbers, bands)
        self._compute(keys)
        return keys, _sums(self._weights[0], keys)

    def lifts(self, profile: BettingProfile) -> Floats:
        """The user's lifts by number of the key, 0 for one that the user did not bet on; NaN for one of which
        `popularity` was never asked."""
        own, weights = self.index.weights_of(profile)
        lifts = np.zeros(len(self.index.values))
        # "clip": other threads may have added keys of other outcomes since
        lifts[own] = lifts_of(weights, self._weights[1].take(own, mode="clip"))
        return lifts

    def _compute(self, keys: Keys) -> None:
        with self._lock:
            weights = _with_room(self._weights, len(self.index.values) + 1, np.nan)
            asked = np.unique(keys)
            for key in asked[np.isnan(weights[0].take(asked))].tolist():
                attribute, value = self.index.attributes[key], self.index.values[key]
                casino = casino_outcomes(self._trends, value.partition(SEPARATOR)[0])
                weights[:, key] = casino.popularity(attribute, value), SMOOTHING * casino.share(attribute, value)
            self._weights = weights


def _by_event(events: Events, numbers: Places) -> Iterator[tuple[str, Places]]:
    end = 0
    for sport, count in events:
        first, end = end, end + count
        yield sport, numbers[first:end]


def _sums(of_keys: Floats, keys: Keys) -> Floats:
    """Of each outcome, shape (n,), of keys of the shape (4, n)."""
    sums: Floats = np.add.reduce(of_keys.take(keys))  # half the time of `sum`
    return sums


def _with_room(array: Any, size: int, filled_with: float = 0) -> Any:
    """The array, or a longer one: others may be reading this one."""
    if array.shape[-1] >= size:
        return array
    longer = np.full((*array.shape[:-1], size * _ROOM), filled_with, array.dtype)
    longer[..., : array.shape[-1]] = array
    return longer


def key_weights(trends: Trends, named: Named, derived: MutableMapping[str, Any]) -> KeyWeights:
    """The weights of the keys of `named`; what does not depend on the trends is kept in `derived`."""
    index = derived.get(_INDEX) or derived.setdefault(_INDEX, OutcomeIndex(named))
    weights: KeyWeights | None = trends.aligned.get(_WEIGHTS)
    if weights is None or weights.index is not index:
        weights = trends.aligned[_WEIGHTS] = KeyWeights(trends, index)
    return weights


class NumberedTaste:
    """A user's taste in all sports, for outcomes by their numbers."""

    def __init__(self, profile: BettingProfile, weights: KeyWeights) -> None:
        self._profile, self._weights = profile, weights

    def score(self, events: Events, numbers: Places, odds: Thousandths) -> Floats:
        """As `score_outcomes` of the outcomes with these numbers, at these odds, of several events, shape (n,)."""
        keys, scores = self._weights.popularity(events, numbers, _BOUNDS.searchsorted(odds, side="right"))
        if self._profile.bets:
            scores += _sums(self._weights.lifts(self._profile), keys)
        return scores
