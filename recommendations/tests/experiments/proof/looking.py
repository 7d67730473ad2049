"""The sums over a made-up casino's users at each look."""

import numpy as np

from recommendations.experiments.statistics.boundary import Floats
from recommendations.experiments.statistics.clock import PrePeriod
from recommendations.experiments.statistics.moments import Ints, Moments, sums_of
from recommendations.experiments.statistics.running import Entries, Outcomes, running_moments

from .world import HOURS, PRE_DAYS, World


def looks_every(hours: int, days: int) -> Ints:
    """The last hour before each look."""
    return np.arange(hours - 1, days * HOURS, hours)


def moments_at(world: World, arms: Ints, values: Floats, looks: Ints) -> Moments:
    """The sums at each of `looks`, of shape (looks, arms, strata). `arms`: each user's; `values`: of each bet."""
    has_entered = world.entries >= 0
    at = np.where(has_entered, np.searchsorted(looks, world.entries), len(looks))
    entries = Entries(arms, (~world.are_known).astype(np.int64), world.sums_before(values), at)
    bets, is_counted = world.bets, ~world.bets.are_before & has_entered[world.bets.users]
    outcomes = Outcomes(bets.users[is_counted], np.searchsorted(looks, bets.hours[is_counted]), values[is_counted])
    return running_moments(entries, outcomes, looks=len(looks))


def pre_period(world: World, values: Floats) -> PrePeriod:
    """The sums of both halves of the pre-period, over the users seen in it."""
    bets = world.bets
    is_early = bets.hours < -PRE_DAYS * HOURS // 2
    first = sums_of(bets.users[is_early], values[is_early], world.users)
    whole = world.sums_before(values)
    known = world.are_known
    return PrePeriod.of_users(first[known], (whole - first)[known])
