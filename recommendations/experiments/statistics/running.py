"""The sums over users at each of many looks, in one pass over the outcomes."""

from dataclasses import dataclass

import numpy as np

from .boundary import Floats
from .interleaving import Credits
from .moments import Ints, Moments, sums_of

STRATA = 2


@dataclass(frozen=True, slots=True)
class Entries:
    """One user per entry, arrays of shape (users,): arm, stratum, sum before the start (`x`), and the index of the
    first look that counts the user."""

    arms: Ints
    strata: Ints
    x: Floats
    looks: Ints


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One value of the metric per entry, arrays of shape (outcomes,): the user's index in `Entries`, the index of the
    first look that counts the value, and the value."""

    users: Ints
    looks: Ints
    values: Floats


def running_moments(entries: Entries, outcomes: Outcomes, *, looks: int, arms: int = 2) -> Moments:
    """The sums at each look, of shape (looks, arms, 2). Ignores entries and outcomes after the last look. `outcomes`
    must not have values before the user's entry."""
    order = np.lexsort((outcomes.looks, outcomes.users))
    users, at, y = outcomes.users[order], outcomes.looks[order], outcomes.values[order]
    before, is_first = sums_before_each(users, y)
    cells = entries.arms * STRATA + entries.strata

    def of_users(values: Floats) -> Floats:
        return _running(entries.looks, cells, values, looks, arms)

    def of_outcomes(values: Floats) -> Floats:
        return _running(at, cells[users], values, looks, arms)

    return Moments(
        users=of_users(np.ones_like(entries.x)),
        bettors=of_outcomes(is_first),
        y=of_outcomes(y),
        yy=of_outcomes(2 * before * y + y * y),
        x=of_users(entries.x),
        xx=of_users(entries.x**2),
        xy=of_outcomes(entries.x[users] * y),
    )


def running_credits(users: Ints, at: Ints, a: Floats, b: Floats, *, looks: int) -> Credits:
    """The sums of credits at each look. Arrays of shape (credits,): users, the index of the first look that counts the
    credits (`at`), and the credits of each list. Ignores credits after the last look."""
    order = np.lexsort((at, users))
    users, at, a, b = users[order], at[order], a[order], b[order]
    before_a, before_b = sums_before_each(users, a)[0], sums_before_each(users, b)[0]
    sums = (a, b, 2 * before_a * a + a * a, 2 * before_b * b + b * b, before_a * b + before_b * a + a * b)
    return Credits(*(sums_of(np.minimum(at, looks), each, looks + 1)[:looks].cumsum() for each in sums))


def sums_before_each(users: Ints, y: Floats) -> tuple[Floats, Floats]:
    """The user's sum before each value, and 1 for a user's first value, 0 for others; `users` is sorted."""
    is_first = np.append(True, users[1:] != users[:-1])[: len(users)]
    until = np.cumsum(y) - y
    starts = np.flatnonzero(is_first)
    return until - np.repeat(until[starts], np.diff(np.append(starts, len(users)))), is_first.astype(np.float64)


def _running(at: Ints, cells: Ints, values: Floats, looks: int, arms: int) -> Floats:
    number = arms * STRATA
    sums = sums_of(np.minimum(at, looks) * number + cells, values, (looks + 1) * number)
    running: Floats = sums.reshape(looks + 1, arms, STRATA)[:looks].cumsum(axis=0)
    return running
