"""Users' bets on outcomes as numbers of keys: what users bet on recurs, and is looked up once."""

import threading
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any
from weakref import ref

import numpy as np

from recommendations.offer.arrays import Floats, Places
from recommendations.tallies.outcome_bets import NO_BAND, OutcomeBet, Texts
from recommendations.tallies.outcome_keys import OUTCOME_ATTRIBUTES, key_of_odds_band, keys_of_outcome, line_band
from recommendations.tallies.selections import BAND_BOUNDS

from .base import BettingProfile

# By attribute the number of each key; grows only.
KeyNumbers = Mapping[str, Mapping[str, int]]

UNKNOWN = len(BAND_BOUNDS) + 2  # so many numbers are of no key: as many as there are bands, with none
MAX_ROWS = 20_000
_BYTES_OF_ROW = 500  # of the objects
_ROOM = 64  # rows, at first
_NEW = -1  # in place of a row
_KEPT = "weights of bets on outcomes"  # in a profile's memo
_NOTHING_KEPT: Any = (lambda: None, None, None)


class NumberedBets:
    """The numbers of the keys of what was bet on, those below `UNKNOWN` for keys that `numbers` lacks: looked up once
    for the same `version` of these, which is read before and changes after keys were added. Thread-safe."""

    def __init__(self, numbers: KeyNumbers, max_rows: int = MAX_ROWS) -> None:
        self._numbers, self._max_rows = numbers, max_rows
        self._lock = threading.Lock()
        self._known = _Known(0)

    @property
    def nbytes(self) -> int:
        return len(self._known.rows) * _BYTES_OF_ROW

    def weights_of(self, profile: BettingProfile, *, version: int) -> tuple[Places, Floats]:
        """The numbers of the m keys that the profile's bets are on, and the sum of the weights of these bets, both of
        the shape (m,). Computed once for the same bets and numbers."""
        known = self._known
        if known.version != version or len(known.rows) > self._max_rows:
            known = self._known = _Known(version)
        kept: tuple[Any, Any, tuple[Places, Floats]] = profile.memo.get(_KEPT, _NOTHING_KEPT)
        of, bets, weights = kept
        if of() is not known or bets is not profile.bets:
            weights = self._sum_weights(known, profile.bets)
            profile.memo[_KEPT] = ref(known), profile.bets, weights
        return weights

    def _sum_weights(self, known: "_Known", bets: Sequence[OutcomeBet]) -> tuple[Places, Floats]:
        weights, texts, bands = zip(*bets, strict=True)
        keys = self._keys_of(known, texts)
        keys[:, -1] += bands
        sums: Any = np.bincount(keys.ravel(), np.array(weights).repeat(len(OUTCOME_ATTRIBUTES)))
        [numbers] = sums.nonzero()
        return numbers, sums[numbers]

    def _keys_of(self, known: "_Known", texts: Sequence[Texts]) -> Places:
        """In a new array, shape (n, 4). The last, of an odds band, is that of band 0."""
        rows = list(map(known.rows.get, texts, repeat(_NEW)))
        if _NEW in rows:
            with self._lock:
                rows = [known.rows[each] if each in known.rows else self._add(known, each) for each in texts]
        return known.keys.take(rows, axis=0)

    def _add(self, known: "_Known", texts: Texts) -> int:
        sport, market, line, outcome = texts
        values = *keys_of_outcome(sport, market, line_band(line), outcome), key_of_odds_band(sport, 0)
        numbers = [
            self._numbers[attribute].get(key, 0) for attribute, key in zip(OUTCOME_ATTRIBUTES, values, strict=True)
        ]
        row = len(known.rows)
        if row == len(known.keys):
            known.keys = np.concatenate([known.keys, np.zeros_like(known.keys)])
        known.keys[row] = [*numbers[:-1], numbers[-1] or -NO_BAND]
        known.rows[texts] = row  # the last: without lock, it tells that all else is there
        return row


class _Known:
    """What was bet on, and its row of `keys`."""

    __slots__ = ("__weakref__", "keys", "rows", "version")

    def __init__(self, version: int) -> None:
        self.version = version
        self.rows: dict[Texts, int] = {}
        self.keys: Places = np.zeros((_ROOM, len(OUTCOME_ATTRIBUTES)), np.intp)
