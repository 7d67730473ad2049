"""The kinds of features. Each has a name, a component, by which reasons are chosen, and a function."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

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
