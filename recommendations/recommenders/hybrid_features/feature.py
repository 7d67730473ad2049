"""The kinds of features. A feature has a name, and a component if a reason explains it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from recommendations.recommenders.base import ScoringContext

Numbers = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Feature:
    """`component`: the recommender or kind of pairs whose reasons explain the feature, if any."""

    name: str
    component: str | None = None


@dataclass(frozen=True, slots=True)
class EventFeature(Feature):
    """A feature that is the same for all users. `compute` returns its value for each event, shape (n,)."""

    compute: Callable[[ScoringContext], Numbers] = lambda context: np.zeros(len(context.offer))
