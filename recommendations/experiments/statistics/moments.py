"""Sums over users, by arm and stratum: the additive inputs of a comparison."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

from .boundary import Floats

Ints = npt.NDArray[np.int64]

KNOWN, NEWCOMERS = 0, 1  # strata: seen in the pre-period, or not


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over the users that have entered, each of shape (looks, arms, strata); arm 0 is the control.

    y: a user's sum of the metric since they entered; x: their sum in the pre-period, 0 for newcomers.
    `bettors`: users with y != 0.
    """

    users: Floats
    bettors: Floats
    y: Floats
    yy: Floats
    x: Floats
    xx: Floats
    xy: Floats

    @classmethod
    def of_users(cls, arm: Ints, stratum: Ints, y: Floats, x: Floats, *, arms: int = 2, strata: int = 2) -> Self:
        """The sums of one look, from a value for each user: arrays of shape (users,). `arm` and `stratum` are whole
        numbers from 0. Raises ValueError for arrays of different lengths."""
        if not len(arm) == len(stratum) == len(y) == len(x):
            raise ValueError(f"A value for each user is needed; got {len(arm)}, {len(stratum)}, {len(y)} and {len(x)}.")
        cell = arm * strata + stratum
        values = (np.ones_like(y), (y != 0).astype(np.float64), y, y * y, x, x * x, x * y)
        return cls(*(sums_of(cell, each, arms * strata).reshape(1, arms, strata) for each in values))

    def pair(self, variant: int) -> Self:
        """The sums of the control and of one variant: shape (looks, 2, strata)."""
        return type(self)(*(getattr(self, each.name)[:, [0, variant]] for each in fields(self)))

    @classmethod
    def stacked(cls, looks: list["Moments"]) -> Self:
        """The sums of successive looks, concatenated."""
        return cls(*(np.concatenate([getattr(look, each.name) for look in looks]) for each in fields(cls)))


def sums_of(cells: Ints, values: Floats, number: int) -> Floats:
    """The sum of the `values` of each cell, shape (number,)."""
    return np.bincount(cells, weights=values, minlength=number).astype(np.float64)
