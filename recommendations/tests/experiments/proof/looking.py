"""The sums over users at each of many looks, in one pass."""

import numpy as np

from recommendations.experiments.statistics.boundary import Floats
from recommendations.experiments.statistics.clock import PrePeriod
from recommendations.experiments.statistics.moments import Ints, Moments, sums_of

from .world import HOURS, PRE_DAYS, Bools, World

ARMS, STRATA = 2, 2


def looks_every(hours: int, days: int) -> Ints:
    """The last hour before each look."""
    return np.arange(hours - 1, days * HOURS, hours)


def moments_at(world: World, arms: Ints, values: Floats, looks: Ints) -> Moments:
    """The sums at each of `looks`, of shape (looks, arms, strata). `arms`: each user's; `values`: of each bet."""
    cell = arms * STRATA + ~world.are_known
    x = world.sums_before(values)
    entered = np.flatnonzero(world.entries >= 0)
    at_entry = (np.searchsorted(looks, world.entries[entered]), cell[entered])
    x_entered = x[entered]

    is_counted = ~world.bets.are_before & (world.entries[world.bets.users] >= 0)
    users, hours, y = world.bets.users[is_counted], world.bets.hours[is_counted], values[is_counted]
    order = np.lexsort((hours, users))
    users, hours, y = users[order], hours[order], y[order]
    before, is_first = sums_before_each(users, y)
    at_bet = (np.searchsorted(looks, hours), cell[users])
    return Moments(
        users=_running(at_entry, np.ones(len(entered)), len(looks)),
        bettors=_running(at_bet, is_first.astype(np.float64), len(looks)),
        y=_running(at_bet, y, len(looks)),
        yy=_running(at_bet, 2 * before * y + y * y, len(looks)),
        x=_running(at_entry, x_entered, len(looks)),
        xx=_running(at_entry, x_entered**2, len(looks)),
        xy=_running(at_bet, x[users] * y, len(looks)),
    )


def sums_before_each(users: Ints, y: Floats) -> tuple[Floats, Bools]:
    """The user's sum before each value, and whether it is their first; `users` is sorted."""
    is_first: Bools = np.append(True, users[1:] != users[:-1])[: len(users)]
    until = np.cumsum(y) - y
    starts = np.flatnonzero(is_first)
    return until - np.repeat(until[starts], np.diff(np.r_[starts, len(users)])), is_first


def _running(at: tuple[Ints, Ints], values: Floats, looks: int) -> Floats:
    """Sums of values up to each look, by cell; those after the last look are left out."""
    look, cell = at
    cells = ARMS * STRATA
    sums = sums_of(look * cells + cell, values, (looks + 1) * cells)
    return sums.reshape(looks + 1, ARMS, STRATA)[:looks].cumsum(axis=0)


def pre_period(world: World, values: Floats) -> PrePeriod:
    """The sums of both halves of the pre-period, over the users seen in it."""
    bets = world.bets
    is_early = bets.hours < -PRE_DAYS * HOURS // 2
    first = sums_of(bets.users[is_early], values[is_early], world.users)
    whole = world.sums_before(values)
    known = world.are_known
    return PrePeriod.of_users(first[known], (whole - first)[known])
