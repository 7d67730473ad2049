"""The kinds of features. Each has a name, a component, by which reasons are chosen, and a function."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from recommendations.offer.arrays import Floats, Places
from recommendations.recommenders.base import ScoringContext

Numbers = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Feature:
    """`component`: what explains the feature, if anything: the name of a recommender, or of a kind of pairs."""

    name: str
    component: str | None = None


@dataclass(frozen=True, slots=True)
class EventFeature(Feature):
    """A feature that is the same for all users; `compute` returns it for each event, shape (n,)."""

    compute: Callable[[ScoringContext], Numbers] = lambda context: np.zeros(len(context.offer))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """What others bet on beside the user's events: of t events at `places` (ascending) of the offer, with shape (t,).

    Of those who bet on the user's last event: `next_share` and `next_count` (logarithm) of those who bet on this one
    next; `next_shares`: the sum of shares for the user's last three; `previous_share` of this event's users who bet on
    the user's last next. Cosines of this event's bettors and those of the user's: `cosine_of_last`, `mean_cosine`,
    `cosines` and `recent_cosines` (logarithms of the sum, and of that weighted by time); `recent_share`: the weighted
    mean of P(this event | own event); `log_counts`: the mean of the logarithms of the numbers of common bettors."""

    places: Places
    next_count: Floats
    next_share: Floats
    next_shares: Floats
    previous_share: Floats
    cosine_of_last: Floats
    mean_cosine: Floats
    cosines: Floats
    recent_cosines: Floats
    recent_share: Floats
    log_counts: Floats


@dataclass(frozen=True, slots=True)
class PairFeature(Feature):
    """A feature of the events that others bet on beside the user's, shape (t,); 0 for all others."""

    compute: Callable[[Pairs], Floats] = attrgetter("cosines")
