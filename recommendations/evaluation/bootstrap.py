"""Means with bootstrap intervals: users are drawn anew, since one user's cases resemble each other."""

from typing import Any

import msgspec
import numpy as np

from recommendations.offer.arrays import Floats

DRAWS = 1_000
_AT_ONCE = 50  # draws
_SEED = 7


class Interval(msgspec.Struct, frozen=True):
    """A mean, and between what it lies with a probability of 95 %."""

    mean: float
    low: float
    high: float


NOTHING = Interval(0.0, 0.0, 0.0)


def bootstrap(values: Floats, users: np.ndarray[Any, Any]) -> tuple[Floats, Floats]:
    """Of `values` (cases, m) the means (m,), and the means of each draw (draws, m): the cases of as many users as there
    are, drawn with replacement (cluster bootstrap: Cameron, Gelbach, Miller 2008)."""
    _, owners = np.unique(users, return_inverse=True)
    counts = np.bincount(owners).astype(np.float64)
    sums = np.stack([np.bincount(owners, column) for column in values.T], axis=1)
    rng = np.random.default_rng(_SEED)
    draws = []
    for _ in range(0, DRAWS, _AT_ONCE):
        times = rng.multinomial(len(counts), np.full(len(counts), 1.0 / len(counts)), size=_AT_ONCE)
        draws.append((times @ sums) / (times @ counts)[:, np.newaxis])
    return values.mean(axis=0), np.concatenate(draws)


def interval(mean: float, draws: Floats) -> Interval:
    low, high = np.quantile(draws, (0.025, 0.975))
    return Interval(float(mean), float(low), float(high))
