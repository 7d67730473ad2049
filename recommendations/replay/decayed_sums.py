"""Exponentially decayed sums, updated one by one and read all at once."""

import numpy as np

from recommendations.offer.arrays import Floats

_MAX_HALF_LIVES = 60.0  # until the sums move to a later reference time, to avoid a float overflow


class DecayedSums:
    """For each of n places, the sum of 2^(-age / half_life), by forward decay (Cormode et al., ICDE 2009)."""

    def __init__(self, size: int, half_life: float) -> None:
        self._sums = np.zeros(size)
        self._half_life = half_life
        self._reference: float | None = None

    def add(self, timestamp: float, place: int) -> None:
        if self._reference is None:
            self._reference = timestamp
        if timestamp - self._reference > _MAX_HALF_LIVES * self._half_life:
            self._sums = self.at(timestamp)
            self._reference = timestamp
        self._sums[place] += 2.0 ** ((timestamp - self._reference) / self._half_life)

    def at(self, now: float) -> Floats:
        """The sums as of `now` (Unix seconds), which is not before the last `add`; shape (n,)."""
        if self._reference is None:
            return self._sums.copy()
        decayed: Floats = self._sums * 2.0 ** max((self._reference - now) / self._half_life, -1_000.0)
        return decayed
