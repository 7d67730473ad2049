"""What `hybrid` weighs: numbers that say how each event suits a user. Serving and learning both take them from here.

Some go by single values of attributes (`values.py`), some are the same for all users (and kept as long as they hold),
some say how alike the user is to those who bet on an event. So a weighted sum of all of them takes one look at each
attribute's codes, and single events' numbers are cheap.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from recommendations.offer import Offer
from recommendations.offer.arrays import Floats, Floats32, Places, add_entries
from recommendations.recommenders.base import Scores, ScoringContext
from recommendations.recommenders.profile import column_of
from recommendations.tallies.trends import Trends
from recommendations.tallies.user_tallies import TALLIED

from .user_vectors import CoBettors, Likeness
from .value_features import OF_VALUES, OfValues, Values, values_of

TRENDING = tuple(f"trend of {name}" for name in TALLIED)
OF_EVENTS = (*TRENDING, "selections", "trend", "freshness", "nearness", "odd")
LIKENESS = ("likeness", "mean likeness")
ADDITIVE = (*OF_VALUES, *OF_EVENTS, *LIKENESS)
_COMPARED = ("selections", "trend", "freshness", "nearness")
COMPARED = (*(f"{name} against the best" for name in _COMPARED), "likeness against the best", "experience")
NAMES = (*ADDITIVE, *COMPARED)
FINGERPRINT = sha256("\n".join(NAMES).encode()).hexdigest()[:16]  # of what goes by the features' places

_HOUR = 3_600.0
_NEVER = -np.log1p(10 * 365 * 24.0)  # the freshness of an event that nobody has bet on
_FIRST_OF_EVENTS, _FIRST_LIKENESS = len(OF_VALUES), len(OF_VALUES) + len(OF_EVENTS)
_OF_EVENT_PLACES = [OF_EVENTS.index(name) for name in _COMPARED]


class Features:
    """The features of every event of a context's offer."""

    def __init__(self, context: ScoringContext) -> None:
        self._situation = context
        self._offer = context.offer
        self._events = _of_events(context)
        self._values = OfValues(context, self._events.values)
        self._likeness = _likeness(context)

    def weighted(self, weights: Floats) -> Scores:
        """The weighted sum of the additive features, shape (n,). `weights` has the shape (features,)."""
        scores = _weighted_events(self._situation, self._events, weights).copy()
        add_entries(scores, self._values.weighted(weights[:_FIRST_OF_EVENTS]))
        if self._likeness is not None:
            total, mean = weights[_FIRST_LIKENESS : _FIRST_LIKENESS + 2]
            scores[self._likeness.places] += total * self._likeness.total + mean * self._likeness.mean
        return scores

    def at(self, places: Places) -> Floats:
        """The features of the events at these places, shape (places, features)."""
        found = np.zeros((len(NAMES), places.size))
        found[:_FIRST_OF_EVENTS] = self._values.at(places)
        found[_FIRST_OF_EVENTS:_FIRST_LIKENESS] = self._events.numbers[:, places]
        compared = found[len(ADDITIVE) :]
        compared[: len(_COMPARED)] = found[_FIRST_OF_EVENTS:][_OF_EVENT_PLACES] - self._events.best[:, np.newaxis]
        if self._likeness is not None:
            found[_FIRST_LIKENESS], found[_FIRST_LIKENESS + 1] = self._likeness.at(places)
            compared[-2] = found[_FIRST_LIKENESS] - self._likeness.best_of(self._events.is_coming)
        compared[-1] = np.log1p(sum(self._situation.profile.counts.get("sport", {}).values()))
        return found.T


@dataclass(slots=True, eq=False)
class _OfEvents:
    """What is the same for all users: `numbers` (features, n); `best` of those compared, among what `is_coming`;
    `weighted`, the weights asked for last and their sums (n,)."""

    trends: Trends
    hour: float
    values: Values
    numbers: Floats32
    is_coming: Any
    best: Floats
    weighted: tuple[Floats, Scores] | None = None

    @property
    def nbytes(self) -> int:
        """Counted with the offer that keeps this."""
        sums = self.weighted[1].nbytes if self.weighted is not None else 0
        return int(self.numbers.nbytes + self.is_coming.nbytes + sums)


def _of_events(context: ScoringContext) -> _OfEvents:
    """Kept as long as offer and trends are, for an hour."""
    memo = context.offer.memo
    kept: _OfEvents | None = memo.get("features")
    if kept is None or kept.trends is not context.trends or kept.hour != context.hour:
        numbers, is_coming = _numbers_of_events(context), context.offer.begins > context.hour
        best = np.array([_best(numbers[place], is_coming) for place in _OF_EVENT_PLACES])
        kept = memo["features"] = _OfEvents(context.trends, context.hour, values_of(context), numbers, is_coming, best)
    return kept


def _numbers_of_events(context: ScoringContext) -> Floats32:
    offer, trends = context.offer, context.trends
    numbers = [np.log1p(trends.of_column(name, column_of(offer, name))) for name in TALLIED]
    numbers += [np.log1p(trends.counts_of(offer)), np.log1p(trends.of_offer(offer)), _freshness(offer, trends)]
    numbers += [-np.log1p(np.maximum(offer.begins - context.hour, 0.0) / _HOUR), _log_odds(offer)]
    return np.array(numbers, dtype=np.float32).reshape(len(OF_EVENTS), len(offer))


def _freshness(offer: Offer, trends: Trends) -> Scores:
    """How long before the casino's latest bet the event was bet on last; by the bets' own clock, not by ours."""
    lasts = trends.last_bet_times_of(offer)
    hours = np.maximum(trends.last_bet_times.max(initial=0.0) - lasts, 0.0) / _HOUR
    freshness: Scores = np.where(lasts > 0, -np.log1p(hours), _NEVER)
    return freshness


def _log_odds(offer: Offer) -> Scores:
    odds: Scores = np.log(np.clip(np.nan_to_num(offer.odds, nan=1.0), 1.0, 1e6))
    return odds


def _weighted_events(context: ScoringContext, events: _OfEvents, weights: Floats) -> Scores:
    """The part of the sum that is the same for all users; kept for the weights asked for last."""
    kept = events.weighted
    if kept is None or kept[0] is not weights:
        scores = weights[_FIRST_OF_EVENTS:_FIRST_LIKENESS] @ events.numbers
        # what begins next decides between equals
        kept = events.weighted = (weights, scores - 1e-13 * context.offer.begins)
    return kept[1]


def _best(numbers: Floats32, among: Any) -> float:
    return float(np.max(numbers, where=among, initial=-np.inf)) if among.any() else 0.0


def _likeness(context: ScoringContext) -> Likeness | None:
    co_bettors: CoBettors | None = context.models.get("co_bettors")
    return co_bettors.likeness(context.user_id, context.offer) if co_bettors is not None else None
