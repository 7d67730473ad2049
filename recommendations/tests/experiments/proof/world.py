"""A made-up casino: users as unequal as real ones, days in streaks, stakes with a heavy tail."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from recommendations.experiments.statistics.boundary import Floats
from recommendations.experiments.statistics.moments import Ints, sums_of

Bools = npt.NDArray[np.bool_]

PRE_DAYS, HOURS = 28, 24
_NEWCOMERS = 0.35
_CAP_QUANTILE = 0.99


@dataclass(frozen=True, slots=True)
class Bets:
    """One bet per entry: its user, its hour since the start (negative before it), and its stake."""

    users: Ints
    hours: Ints
    stakes: Floats

    def of(self, chosen: Any) -> Self:
        return type(self)(*(getattr(self, each.name)[chosen] for each in fields(self)))

    @property
    def are_before(self) -> Bools:
        before: Bools = self.hours < 0
        return before


@dataclass(frozen=True, slots=True)
class World:
    """`entries`: the hour in which each user asked first since the start, -1 for never; `are_known`: seen before it."""

    users: int
    days: int
    bets: Bets
    entries: Ints
    are_known: Bools

    def capped_stakes(self) -> Floats:
        """Stakes up to the 99th percentile of those before the start."""
        return np.minimum(self.bets.stakes, np.quantile(self.bets.stakes[self.bets.are_before], _CAP_QUANTILE))

    def sums_before(self, values: Floats) -> Floats:
        """Each user's sum of the bets' `values` before the start."""
        before = self.bets.are_before
        return sums_of(self.bets.users[before], values[before], self.users)


def build_world(
    rng: np.random.Generator, users: int, days: int, *, bet_rate: float = 0.08, uplifts: Floats | float = 0.0
) -> World:
    """`bet_rate`: bets per active day; `uplifts`: what the variant adds to it since the start, for each user."""
    total = PRE_DAYS + days
    activity = rng.beta(0.5, 1.5, users)  # share of active days: a quarter on average, very unequal
    rate = rng.beta(1.2, 1.2 / bet_rate - 1.2, users)
    born = np.where(rng.random(users) < _NEWCOMERS, rng.integers(0, total, users), 0)
    active = _active_days(rng, activity, born, total)

    rates = np.repeat(rate[:, np.newaxis], total, axis=1)
    rates *= 1 + 0.35 * np.isin(np.arange(total) % 7, (5, 6))  # weekends
    rates[:, PRE_DAYS:] *= 1 + np.broadcast_to(uplifts, users)[:, np.newaxis]
    owners, on_days = np.nonzero(active & (rng.random((users, total)) < rates))
    hours = (on_days - PRE_DAYS) * HOURS + rng.integers(0, HOURS, len(owners))

    in_test = active[:, PRE_DAYS:]
    entries = np.where(in_test.any(axis=1), in_test.argmax(axis=1) * HOURS, -1)
    bets = Bets(owners, hours, _stakes(rng, owners, users))
    return World(users, days, bets, entries, are_known=np.logical_or.reduce(active[:, :PRE_DAYS], axis=1))


def _active_days(rng: np.random.Generator, activity: Floats, born: Ints, total: int) -> Bools:
    """A chain of two states: every other day repeats the one before."""
    active = np.zeros((len(activity), total), np.bool_)
    state = rng.random(len(activity)) < activity
    for day in range(total):
        state = np.where(rng.random(len(activity)) < 0.5, state, rng.random(len(activity)) < activity)
        active[:, day] = state & (day >= born)
    return active


def _stakes(rng: np.random.Generator, owners: Ints, users: int) -> Floats:
    """Log-normal between and within users, and one in 500 thirty times as large."""
    usual = rng.normal(np.log(8), 1.1, users)
    stakes = np.exp(usual[owners] + rng.normal(0, 0.9, len(owners)))
    stakes *= np.where(rng.random(len(owners)) < 0.002, 30.0, 1.0)
    return stakes
