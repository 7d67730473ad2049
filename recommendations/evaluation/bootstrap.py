"""Means with confidence intervals, by a bootstrap that resamples users: cases of one user are not independent."""

from typing import Any

import msgspec
import numpy as np

from recommendations.offer.arrays import Floats

DRAWS = 1_000
_CHUNK = 50  # draws
_SEED = 7


class Interval(msgspec.Struct, frozen=True):
    """A mean with its 95 % confidence interval."""

    mean: float
    low: float
    high: float


def bootstrap(values: Floats, users: np.ndarray[Any, Any]) -> tuple[Floats, Floats]:
    """The means (m,) of `values` (cases, m), and the means (draws, m) of draws of the same number of users with
    replacement, each with all the user's cases (cluster bootstrap: Cameron, Gelbach, Miller 2008)."""
    _, owners = np.unique(users, return_inverse=True)
    counts = np.bincount(owners).astype(np.float64)
    sums = np.stack([np.bincount(owners, column) for column in values.T], axis=1)
    rng = np.random.default_rng(_SEED)
    draws = []
    for _ in range(0, DRAWS, _CHUNK):
        multiplicities = rng.multinomial(len(counts), np.full(len(counts), 1.0 / len(counts)), size=_CHUNK)
        draws.append((multiplicities @ sums) / (multiplicities @ counts)[:, np.newaxis])
    return values.mean(axis=0), np.concatenate(draws)


def interval(mean: float, draws: Floats) -> Interval:
    low, high = np.quantile(draws, (0.025, 0.975))
    return Interval(float(mean), float(low), float(high))
