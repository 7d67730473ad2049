"""The scores of `outcomes` for many outcomes at once: a casino's outcomes have numbers, and tables have their parts.

Scoring the outcomes of an event one by one takes longer than the rest of its choice.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recommendations.offer.arrays import Codes, Floats
from recommendations.tallies.outcome_keys import OUTCOME_ATTRIBUTES
from recommendations.tallies.selections import BAND_BOUNDS
from recommendations.tallies.trends import Trends

from .outcome_choice import CasinoOutcomes, OutcomeTaste

Named = Sequence[tuple[str, str, str]]  # market, line and outcome by number; grows only
Thousandths = np.ndarray[Any, np.dtype[np.int32]]  # of decimal odds

_BANDED = OUTCOME_ATTRIBUTES[-1]
_KEYED = OUTCOME_ATTRIBUTES[:-1]
_BOUNDS = np.round(np.array(BAND_BOUNDS) * 1_000).astype(np.int32)
_TABLES = "outcome tables"  # in `Trends.aligned`
_ROOM = 1.5  # so that tables don't grow with each new outcome


class OutcomeTable:
    """Of the numbered outcomes that were asked for in one sport: the casino's score, and numbers of the keys that a
    user's lifts have. Thread-safe."""

    def __init__(self, casino: CasinoOutcomes, named: Named) -> None:
        self._casino, self.named = casino, named
        self._lock = threading.Lock()
        self._scores: Floats = np.full(0, np.nan)
        self._codes: Codes = np.zeros((len(_KEYED), 0), np.int32)
        self.codes_of: tuple[dict[str, int], ...] = tuple({} for _ in _KEYED)

    def scores(self, numbers: Codes) -> Floats:
        """The scores of these outcomes, shape (n,)."""
        if len(self.named) <= self._scores.size:
            scores: Floats = self._scores.take(numbers)
            if not np.isnan(scores.sum()):  # of finite numbers, unless one is missing
                return scores
        with self._lock:
            self._fill(numbers)
            return self._scores.take(numbers)

    def codes(self, numbers: Codes) -> Codes:
        """The numbers of the keys of outcomes whose scores were asked for, shape (3, n)."""
        return self._codes.take(numbers, axis=1)

    def _fill(self, numbers: Codes) -> None:
        if len(self.named) > self._scores.size:
            self._grow(len(self.named))
        missing = [number for number in numbers.tolist() if np.isnan(self._scores[number])]
        found = self._casino.find([self.named[number] for number in missing])
        for number, (score, keys) in zip(missing, found, strict=True):
            for row, key in enumerate(keys):
                codes = self.codes_of[row]
                self._codes[row, number] = codes.setdefault(key, len(codes))
            self._scores[number] = score  # the last: without lock, a score tells that the codes are there

    def _grow(self, size: int) -> None:
        """Others may be reading the arrays that are there."""
        more = int(size * _ROOM) - self._scores.size
        self._codes = np.concatenate([self._codes, np.zeros((len(_KEYED), more), np.int32)], axis=1)
        self._scores = np.concatenate([self._scores, np.full(more, np.nan)])


def outcome_table(taste: OutcomeTaste, trends: Trends, named: Named) -> OutcomeTable:
    """The table of the taste's sport, which lasts as long as the trends and the numbers."""
    tables: dict[str, OutcomeTable] = trends.aligned.setdefault(_TABLES, {})
    table = tables.get(taste.casino.sport)
    if table is None or table.named is not named:
        table = tables[taste.casino.sport] = OutcomeTable(taste.casino, named)
    return table


class NumberedTaste:
    """An `OutcomeTaste`, with the user's lifts in the order of a table's keys."""

    def __init__(self, taste: OutcomeTaste, table: OutcomeTable) -> None:
        self._taste, self._table = taste, table
        self._lifts: list[Floats] | None = None

    def score(self, numbers: Codes, odds: Thousandths) -> Floats:
        """As `score_outcomes` of the outcomes with these numbers, at these odds; shape (n,)."""
        scores = self._table.scores(numbers)
        scores += self._taste.bands.take(np.searchsorted(_BOUNDS, odds, side="right"))
        if self._taste.lifts[_KEYED[0]]:
            for lifts, own in zip(self._lifts_by_code(), self._table.codes(numbers), strict=True):
                scores += lifts.take(own)
        return scores

    def _lifts_by_code(self) -> list[Floats]:
        sizes = [len(codes) for codes in self._table.codes_of]
        if self._lifts is None or any(each.size < size for each, size in zip(self._lifts, sizes, strict=True)):
            tables = zip(_KEYED, self._table.codes_of, strict=True)
            self._lifts = [_by_code(self._taste.lifts[attribute], codes) for attribute, codes in tables]
        return self._lifts


def _by_code(lifts: Mapping[str, float], codes: Mapping[str, int]) -> Floats:
    by_code = np.zeros(len(codes))
    for key, lift in lifts.items():
        code = codes.get(key)
        if code is not None and code < by_code.size:  # else another thread has just added it
            by_code[code] = lift
    return by_code
