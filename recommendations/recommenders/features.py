"""What `hybrid` weighs: numbers that say how each event suits a user. Serving and learning both take them from here.

They are sums of tables over the codes of single attributes, of what is the same for all users (and kept as long as it
holds), and of how alike the user is to those who bet on an event. So a weighted sum of all of them takes one look at
each attribute's codes, and single events' numbers are cheap.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from recommendations.offer import ATTRIBUTES, Column, Offer
from recommendations.trends import Trends

from . import neighbours
from .base import Scores, Situation
from .profile import SMOOTHING, column_of
from .tastes import Crowds

Matrix = np.ndarray[Any, np.dtype[np.float64]]
Places = np.ndarray[Any, np.dtype[np.intp]]

COUNTED = (*ATTRIBUTES, "odds_band")
LIFTS = tuple(f"lift of {name}" for name in COUNTED)
SHARES = tuple(f"share of {name}" for name in COUNTED)
OF_VALUES = (*LIFTS, *SHARES, "favourite sport", "own country", "neighbours")
TRENDING = tuple(f"trend of {name}" for name in COUNTED)
OF_EVENTS = (*TRENDING, "selections", "trend", "freshness", "nearness", "odd")
LIKENESS = ("likeness", "mean likeness")
ADDITIVE = (*OF_VALUES, *OF_EVENTS, *LIKENESS)
_COMPARED = ("selections", "trend", "freshness", "nearness")
COMPARED = (*(f"{name} against the best" for name in _COMPARED), "likeness against the best", "experience")
NAMES = (*ADDITIVE, *COMPARED)

_HOUR = 3_600.0
_NEVER = -np.log1p(10 * 365 * 24.0)  # the freshness of an event that nobody has bet on
_PLACE = {name: place for place, name in enumerate(NAMES)}
_FIRST_OF_EVENTS, _FIRST_LIKENESS = len(OF_VALUES), len(OF_VALUES) + len(OF_EVENTS)
_OF_EVENT_PLACES = [OF_EVENTS.index(name) for name in _COMPARED]


@dataclass(frozen=True, slots=True)
class _Table:
    """Of the values of one attribute at `codes`, what the features at `rows` (of `OF_VALUES`) are: `numbers` (rows,
    codes). Of all other values they are 0."""

    attribute: str
    rows: list[int]
    codes: Any  # an array of places, or a slice
    numbers: Matrix

    def at(self, column: Column[Any], places: Places) -> Matrix:
        """The features of the events at these places, shape (rows, places)."""
        codes = column.codes[places]
        if isinstance(self.codes, slice):
            return self.numbers[:, codes]
        of_values = np.zeros((len(self.rows), len(column.values)))
        of_values[:, self.codes] = self.numbers
        return of_values[:, codes]


class Features:
    """The features of every event of a situation's offer."""

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._offer = situation.offer
        self._tables = [*_tables(situation)]
        self._events = _of_events(situation)
        self._likeness = _likeness(situation)

    def weighted(self, weights: Matrix) -> Scores:
        """The weighted sum of the additive features, shape (n,). `weights` has the shape (features,)."""
        scores = _weighted_events(self._situation, self._events, weights).copy()
        for attribute, table in _joined(self._offer, self._tables, weights):
            scores += column_of(self._offer, attribute).spread(table)
        if self._likeness is not None:
            total, mean = self._likeness
            scores += weights[_FIRST_LIKENESS] * total
            scores += weights[_FIRST_LIKENESS + 1] * mean
        return scores

    def at(self, places: Places) -> Matrix:
        """The features of the events at these places, shape (places, features)."""
        found = np.zeros((places.size, len(NAMES)))
        for table in self._tables:
            found[:, table.rows] += table.at(column_of(self._offer, table.attribute), places).T
        found[:, _FIRST_OF_EVENTS:_FIRST_LIKENESS] = self._events.numbers[:, places].T
        compared = found[:, len(ADDITIVE) :]
        compared[:, : len(_COMPARED)] = (self._events.numbers[_OF_EVENT_PLACES][:, places].T) - self._events.best
        if self._likeness is not None:
            total, mean = self._likeness
            found[:, _FIRST_LIKENESS], found[:, _FIRST_LIKENESS + 1] = total[places], mean[places]
            compared[:, -2] = total[places] - _best(total, self._events.is_coming)
        compared[:, -1] = np.log1p(sum(self._situation.profile.counts.get("sport", {}).values()))
        return found


def _tables(situation: Situation) -> Iterator[_Table]:
    """What of the user's attributes says something about events."""
    profile, offer = situation.profile, situation.offer
    for number, attribute in enumerate(COUNTED):
        counts = profile.counts.get(attribute) or {}
        weights = profile.weights.get(attribute) or {}
        column = column_of(offer, attribute)
        codes, weighed, counted = _known(column, counts or weights, weights, counts)
        if not codes.size:
            continue
        rates = situation.trends.base_rates(attribute, column)[codes]
        share = counted / max(sum(counts.values()), 1) * -np.log(np.minimum(rates, 1.0))
        numbers = np.stack([np.log1p(weighed / (SMOOTHING * rates)), share])
        yield _Table(attribute, [number, len(COUNTED) + number], codes, numbers)
    yield from _favourites(situation)
    yield from _neighbours(situation)


def _known(column: Column[Any], values: Iterable[str], *tallies: Mapping[str, float]) -> tuple[Any, ...]:
    """The codes of those values that the column knows, and what each of the tallies says of them."""
    named = list(values)
    codes = np.fromiter(map(column.dictionary.places.get, named, repeat(-1)), np.intp, len(named))
    is_known = codes >= 0
    numbers = (np.fromiter(map(tally.get, named, repeat(0.0)), np.float64, len(named)) for tally in tallies)
    return codes[is_known], *(each[is_known] for each in numbers)


def _favourites(situation: Situation) -> Iterator[_Table]:
    profile, offer = situation.profile, situation.offer
    for attribute, value, name in (
        ("sport", profile.favorite_sport, "favourite sport"),
        ("country", profile.country, "own country"),
    ):
        place = column_of(offer, attribute).dictionary.places.get(value)
        if place is not None:
            yield _Table(attribute, [_PLACE[name]], np.array([place], dtype=np.intp), np.ones((1, 1)))


def _neighbours(situation: Situation) -> Iterator[_Table]:
    for attribute, scores in neighbours.scores_by_value(situation):
        yield _Table(attribute, [_PLACE["neighbours"]], slice(None), scores[np.newaxis])


def _joined(offer: Offer, tables: list[_Table], weights: Matrix) -> Iterator[tuple[str, Scores]]:
    """(attribute, what each of its values adds)."""
    joined: dict[str, Scores] = {}
    for table in tables:
        if (own := weights[table.rows]).any():
            values = len(column_of(offer, table.attribute).values)
            joined.setdefault(table.attribute, np.zeros(values))[table.codes] += own @ table.numbers
    yield from joined.items()


@dataclass(frozen=True, slots=True, eq=False)
class _OfEvents:
    """What is the same for all users: `numbers` (features, n); `best` of those compared, among what `is_coming`."""

    trends: Trends
    hour: float
    numbers: Matrix
    is_coming: Any
    best: Matrix
    weighted: dict[int, tuple[Matrix, Scores]]


def _of_events(situation: Situation) -> _OfEvents:
    """Kept as long as offer and trends are, for an hour."""
    memo = situation.offer.memo
    kept: _OfEvents | None = memo.get("features")
    if kept is None or kept.trends is not situation.trends or kept.hour != situation.hour:
        numbers, is_coming = _numbers_of_events(situation), situation.offer.begins > situation.hour
        best = np.array([_best(numbers[place], is_coming) for place in _OF_EVENT_PLACES])
        kept = memo["features"] = _OfEvents(situation.trends, situation.hour, numbers, is_coming, best, {})
    return kept


def _numbers_of_events(situation: Situation) -> Matrix:
    offer, trends = situation.offer, situation.trends
    numbers = [np.log1p(trends.of_column(name, column_of(offer, name))) for name in COUNTED]
    numbers += [np.log1p(trends.counts_of(offer)), np.log1p(trends.of_offer(offer)), _freshness(offer, trends)]
    numbers += [-np.log1p(np.maximum(offer.begins - situation.hour, 0.0) / _HOUR), _log_odds(offer)]
    return np.array(numbers).reshape(len(OF_EVENTS), len(offer))


def _freshness(offer: Offer, trends: Trends) -> Scores:
    """How long before the casino's latest bet the event was bet on last; by the bets' own clock, not by ours."""
    lasts = trends.lasts_of(offer)
    hours = np.maximum(trends.event_lasts.max(initial=0.0) - lasts, 0.0) / _HOUR
    freshness: Scores = np.where(lasts > 0, -np.log1p(hours), _NEVER)
    return freshness


def _log_odds(offer: Offer) -> Scores:
    odds: Scores = np.log(np.clip(np.nan_to_num(offer.odds, nan=1.0), 1.0, 1e6))
    return odds


def _weighted_events(situation: Situation, events: _OfEvents, weights: Matrix) -> Scores:
    """The part of the sum that is the same for all users; kept for the weights asked for last."""
    kept = events.weighted.get(0)
    if kept is None or kept[0] is not weights:
        scores = weights[_FIRST_OF_EVENTS:_FIRST_LIKENESS] @ events.numbers
        # what begins next decides between equals
        kept = events.weighted[0] = (weights, scores - 1e-13 * situation.offer.begins)
    return kept[1]


def _best(numbers: Scores, among: Any) -> float:
    return float(np.max(numbers, where=among, initial=-np.inf)) if among.any() else 0.0


def _likeness(situation: Situation) -> tuple[Scores, Scores] | None:
    crowds: Crowds | None = situation.models.get("crowds")
    return crowds.likeness(situation.user_id, situation.offer) if crowds is not None else None
