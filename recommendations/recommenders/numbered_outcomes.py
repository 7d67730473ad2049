"""The scores of `outcome_choice` for all outcomes of several events at once, from tables that all users share.

Scoring outcomes one by one takes longer than the rest of the choice.
"""

import threading
from collections.abc import Mapping, MutableMapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np

from recommendations.offer.arrays import Codes, Floats, Places
from recommendations.prices.event_prices import EventPrices
from recommendations.tallies.outcome_bets import NO_BAND
from recommendations.tallies.outcome_keys import OUTCOME_ATTRIBUTES, key_of_odds_band, keys_of_outcome, line_band
from recommendations.tallies.selections import BAND_BOUNDS
from recommendations.tallies.trends import Trends
from recommendations.validation.fields import SEPARATOR

from .base import BettingProfile
from .numbered_bets import UNKNOWN, NumberedBets
from .outcome_choice import casino_outcomes, lifts_of
from .profile import SMOOTHING

Named = Sequence[tuple[str, str, str]]  # market, line and outcome by number; only grows
Keys = Places  # numbers of keys, shape (4, n)

_BOUNDS = np.round(np.array(BAND_BOUNDS) * 1_000).astype(np.int32)
_BANDS = len(BAND_BOUNDS) + 1
_INDEX, _WEIGHTS = "outcome index", "outcome weights"  # names in `Lines.derived`
_BYTES_OF_KEY = 200  # sizes of the objects
_POPULARITY, _SHARE = 0, 1  # rows of weights; the share is smoothed
_NO_LIFTS = np.zeros(0)
_ROOM = 2  # factor of the needed size, so that arrays don't grow with each new outcome


class OutcomeIndex:
    """Outcomes in a sport, each with an entry: the numbers of its keys, which are the values of `OUTCOME_ATTRIBUTES`;
    the last number is that of the sport's first odds band. Entry 0, with keys 0, stands for a missing entry. Only
    grows. Thread-safe."""

    def __init__(self, named: Named) -> None:
        self._named = named
        self._lock = threading.Lock()
        self._entries: dict[str, Codes] = {}  # sport -> number of an outcome -> entry; 0: missing
        self._size = 1
        self.keys: Keys = np.zeros((len(OUTCOME_ATTRIBUTES), 1), np.intp)
        self.numbers: Mapping[str, dict[str, int]] = {attribute: {} for attribute in OUTCOME_ATTRIBUTES}
        self.attributes, self.values = [""] * UNKNOWN, [""] * UNKNOWN  # by key number
        self._bets, self.version = NumberedBets(self.numbers), 0  # it changes before an outcome can be found
        self._nbytes = 0

    @property
    def nbytes(self) -> int:
        return self._nbytes + self._bets.nbytes

    def keys_of(self, sports: Sequence[str], numbers: Places, ends: Sequence[int], bands: Places) -> Keys:
        """The keys of the n outcomes of events of these sports, with odds of these bands, in a new array, shape (4, n).
        An event's outcomes end before its place in `ends`. Adds new outcomes."""
        events = [(sport, numbers[slice(*each)]) for sport, each in zip(sports, pairwise((0, *ends)), strict=True)]
        keys = self._find(events)
        if not keys[0].all():
            for each in events:
                self._add_outcomes(*each)
            keys = self._find(events)
        keys[-1] += bands
        return keys

    def _find(self, events: Sequence[tuple[str, Places]]) -> Keys:
        """The keys of the outcomes; 0 for outcomes without an entry."""
        if not events:
            return self.keys[:, :0]
        entries = np.concatenate([self._entries_of(sport).take(numbers) for sport, numbers in events])
        keys: Keys = self.keys.take(entries, axis=1)  # read after the entries: `keys` contains all found entries
        return keys

    def _add_outcomes(self, sport: str, numbers: Places) -> None:
        with self._lock:
            self._add(sport, numbers)
            entries_nbytes = sum(each.nbytes for each in self._entries.values())
            self._nbytes = entries_nbytes + self.keys.nbytes + len(self.values) * _BYTES_OF_KEY

    def weights_of(self, profile: BettingProfile) -> tuple[Codes, Floats]:
        """The numbers of the keys of the profile's bets, and the sum of the weights of the bets with each key."""
        return self._bets.weights_of(profile, version=self.version)

    def _entries_of(self, sport: str) -> Codes:
        """The entries of a sport's outcomes, with room for all numbers."""
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
        # the keys of a sport's bands are added together with the one before them, for no band
        bands = [self._number(OUTCOME_ATTRIBUTES[-1], key_of_odds_band(sport, band)) for band in range(NO_BAND, _BANDS)]
        for number in missing:
            market, line, name = self._named[number]
            values = keys_of_outcome(sport, market, line_band(line), name)
            keys = [self._number(*each) for each in zip(OUTCOME_ATTRIBUTES, values, strict=False)]
            self.keys[:, self._size] = [*keys, bands[-NO_BAND]]
            self.version += 1
            entries[number] = self._size  # last: readers without the lock rely on it
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
    """By key number: the key's popularity in the casino, and its smoothed share, `SMOOTHING` times its share in the
    casino's bets. Both are computed when first used. Thread-safe: threads may compute the same values at the same
    time."""

    def __init__(self, trends: Trends, index: OutcomeIndex) -> None:
        self.trends, self.index = trends, index
        self._lock = threading.Lock()
        self._weights: Floats = np.full((2, UNKNOWN), np.nan)
        self._weights[_SHARE] = 1.0  # numbers below `UNKNOWN`; no outcome has them

    @property
    def nbytes(self) -> int:
        return self._weights.nbytes

    def popularity(self, keys: Keys) -> Floats:
        """The popularity of n outcomes, the sum over their keys; shape (n,)."""
        popularity: Floats = np.add.reduce(self._computed(_POPULARITY, keys))  # half the time of `sum`
        return popularity

    def lifts(self, profile: BettingProfile) -> Floats:
        """The user's lifts by key number, 0 for keys without a bet of the user. Valid while the index has the same
        version."""
        own, weights = self.index.weights_of(profile)
        lifts = np.zeros(len(self.index.values))
        lifts[own] = lifts_of(weights, self._computed(_SHARE, own))
        return lifts

    def _computed(self, row: int, keys: Places | Codes) -> Floats:
        """The weights of these keys in this row, in an array of the same shape."""
        weights = self._weights
        if weights.shape[-1] > len(self.index.values):
            key_weights: Floats = weights[row].take(keys)
            if isfinite(np.add.reduce(key_weights, None)):
                return key_weights
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
        key_weights: Floats = weights[row].take(keys)
        return key_weights


def _with_room(array: Any, size: int, filled_with: float = 0) -> Any:
    """The array, or a longer copy: other threads may be reading the array."""
    if array.shape[-1] >= size:
        return array
    longer = np.full((*array.shape[:-1], size * _ROOM), filled_with, array.dtype)
    longer[..., : array.shape[-1]] = array
    return longer


def key_weights(trends: Trends, named: Named, derived: MutableMapping[str, Any]) -> KeyWeights:
    """The weights of the keys of `named`, cached in `derived` for the latest trends; their index does not depend on
    trends."""
    weights: KeyWeights | None = derived.get(_WEIGHTS)
    if weights is None or weights.trends is not trends:
        index = derived.get(_INDEX) or derived.setdefault(_INDEX, OutcomeIndex(named))
        weights = derived[_WEIGHTS] = KeyWeights(trends, index)
    return weights


class NumberedPreferences:
    """A user's preferences in all sports, for outcomes by number."""

    def __init__(self, profile: BettingProfile, weights: KeyWeights) -> None:
        self._profile, self._weights = profile, weights
        self._has_bets = bool(profile.bets)
        self._lifts: Floats = _NO_LIFTS
        self._version = -1  # of the index, for the lifts

    def score(self, sports: Sequence[str], prices: EventPrices, ends: Sequence[int]) -> Floats:
        """The scores of the n outcomes of events of these sports, shape (n,), equal to those of `score_outcomes`. An
        event's outcomes end before its place in `ends`."""
        index = self._weights.index
        keys = index.keys_of(sports, prices.numbers(), ends, _BOUNDS.searchsorted(prices.odds, side="right"))
        popularity = self._weights.popularity(keys)
        if not self._has_bets:
            return popularity
        if self._version != index.version:
            self._version = index.version  # first: other threads may add outcomes meanwhile
            self._lifts = self._weights.lifts(self._profile)
        scores: Floats = popularity + np.add.reduce(self._lifts.take(keys))
        return scores
