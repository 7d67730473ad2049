"""Features that go by single values of attributes: what a user bets on, and what their like do.

The values of all attributes stand in one row, attribute after attribute, so that what is computed for a user's values
is computed for all of them at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import numpy as np

from recommendations.offer import Column
from recommendations.offer.arrays import Codes, Floats, Places
from recommendations.recommenders import neighbours
from recommendations.recommenders.base import Scores, ScoringContext
from recommendations.recommenders.profile import SMOOTHING, column_of
from recommendations.tallies.user_tallies import TALLIED

OF_VALUES = (
    *(f"lift of {name}" for name in TALLIED),
    *(f"share of {name}" for name in TALLIED),
    "favourite sport",
    "own country",
    "neighbours",
)
_SHARES, _SPORT, _COUNTRY, _NEIGHBOURS = len(TALLIED), *range(2 * len(TALLIED), len(OF_VALUES))


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """The values of an offer's attributes: those of `columns[i]` from `starts[i]` on, `size` in all. `rates` (size,):
    the share that each has in all selections of its attribute; `surprise`: the negative logarithm of it."""

    columns: tuple[Column[Any], ...]
    starts: Places
    size: int
    rates: Floats
    surprise: Floats


def values_of(context: ScoringContext) -> Values:
    columns = tuple(column_of(context.offer, name) for name in TALLIED)
    sizes = [len(column.values) for column in columns]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
    of_columns = zip(TALLIED, columns, strict=True)
    rates = np.concatenate([context.trends.base_rates(name, column) for name, column in of_columns])
    return Values(columns, starts, sum(sizes), rates, -np.log(np.minimum(rates, 1.0)))


class OfValues:
    """What a context's user makes of these values."""

    def __init__(self, context: ScoringContext, values: Values) -> None:
        self._values = values
        self._owners, self._codes, self._lifts, self._shares = _of_tallies(context, values)
        self._favourites = tuple(_favourites(context, values))
        self._neighbours = _of_neighbours(context, values)

    def weighted(self, weights: Floats) -> Iterator[tuple[Codes, Scores]]:
        """Of each attribute the offer's codes, and what each value adds to the weighted sum."""
        table = np.zeros(self._values.size)
        by_attribute = weights[:_SHARES], weights[_SHARES : 2 * _SHARES]
        table[self._codes] = by_attribute[0][self._owners] * self._lifts + by_attribute[1][self._owners] * self._shares
        for row, code in self._favourites:
            table[code] += weights[row]
        if self._neighbours is not None:
            table += weights[_NEIGHBOURS] * self._neighbours
        for column, start in zip(self._values.columns, self._values.starts, strict=True):
            yield column.codes, table[start : start + len(column.values)]

    def at(self, places: Places) -> Floats:
        """The features of the events at these places, shape (features, places)."""
        found = np.zeros((len(OF_VALUES), places.size))
        codes = np.array([column.codes[places] for column in self._values.columns], dtype=np.intp)
        codes += self._values.starts[:, np.newaxis]
        table = np.zeros(self._values.size)
        for first, numbers in ((0, self._lifts), (_SHARES, self._shares)):
            table[self._codes] = numbers
            found[first : first + _SHARES] = table[codes]
        for row, code in self._favourites:
            found[row] = (codes == code).any(axis=0)
        if self._neighbours is not None:
            found[_NEIGHBOURS] = self._neighbours[codes].sum(axis=0)
        return found


def _of_tallies(context: ScoringContext, values: Values) -> tuple[Places, Places, Floats, Floats]:
    """Of the user's values that the offer knows: attribute, code, lift (as of `profile`), and the share that they have
    in the user's selections, times how surprising that is."""
    counts = [context.profile.counts.get(name) or {} for name in TALLIED]
    weights = [context.profile.weights.get(name) or {} for name in TALLIED]
    named = [list(own or other) for own, other in zip(counts, weights, strict=True)]
    number = sum(map(len, named))
    dictionaries = [column.dictionary.places for column in values.columns]
    codes = _gathered(dictionaries, named, -1, np.intp, number)
    owners = np.repeat(np.arange(len(TALLIED)), [len(each) for each in named])
    is_known = codes >= 0
    owners, codes = owners[is_known], codes[is_known] + values.starts[owners[is_known]]
    weighed = _gathered(weights, named, 0.0, np.float64, number)[is_known]
    counted = _gathered(counts, named, 0, np.float64, number)[is_known]
    totals = np.array([max(sum(each.values()), 1) for each in counts])
    lifts = np.log1p(weighed / (SMOOTHING * values.rates[codes]))
    return owners, codes, lifts, counted / totals[owners] * values.surprise[codes]


def _gathered(mappings: Any, named: list[list[str]], default: float, kind: Any, number: int) -> Any:
    """What each mapping says of its names, one after the other."""
    found = chain.from_iterable(
        map(each.get, names, repeat(default)) for each, names in zip(mappings, named, strict=True)
    )
    return np.fromiter(found, kind, number)


def _favourites(context: ScoringContext, values: Values) -> Iterator[tuple[int, int]]:
    """(feature, the value's code) of what the user says."""
    profile = context.profile
    for row, attribute, value in (
        (_SPORT, "sport", profile.favorite_sport),
        (_COUNTRY, "country", profile.country),
    ):
        number = TALLIED.index(attribute)
        place = values.columns[number].dictionary.places.get(value)
        if place is not None:
            yield row, place + int(values.starts[number])


def _of_neighbours(context: ScoringContext, values: Values) -> Scores | None:
    """What each value adds to an event's score by `neighbours`, shape (size,); None without a model."""
    found = neighbours.scores_of_tokens(context)
    if found is None:
        return None
    model, of_tokens = found
    scores: Scores = of_tokens.take(model.values_of_all(values.columns, TALLIED), mode="clip")
    return scores
