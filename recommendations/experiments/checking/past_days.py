"""A casino's past days in two halves: the second one simulates an experiment, the first one its pre-period."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from recommendations.experiments.comparison import VALUES, Period
from recommendations.experiments.definition import Definition
from recommendations.experiments.statistics.boundary import Floats
from recommendations.experiments.statistics.clock import PRE_PERIOD_DAYS, PrePeriod
from recommendations.experiments.statistics.errors import TooLittleHistory
from recommendations.experiments.statistics.moments import KNOWN, NEWCOMERS, Ints, sums_of
from recommendations.experiments.statistics.running import Entries, Outcomes
from tenants.routing.connections import query

Bools = npt.NDArray[np.bool_]

FEWEST_DAYS = 14
_NOT_SEEN = -1

_FIRST_DAY = "SELECT min(day) FROM user_days WHERE day >= %(begins)s AND day < %(until)s"
# Whether the user has a day in the first half, and the user's first day in the second half.
_SEEN = """
SELECT user_id, bool_or(day < %(middle)s), min(day) FILTER (WHERE day >= %(middle)s)
FROM user_days WHERE day >= %(begins)s AND day < %(until)s GROUP BY user_id ORDER BY user_id
"""
# The metric on days before the experiment's `starts`, with any answers.
_DONE = "SELECT user_id, day, value FROM ({values}) AS done WHERE day >= %(begins)s AND day < %(starts)s"


@dataclass(frozen=True, slots=True)
class PastDays:
    """Both halves have `days` days. Arrays of shape (users,): `is_known` for users seen in the first half, and
    `entered` with the user's first day in the second half, or -1. `done` has the metric of users' days, numbered from
    the first half's start."""

    days: int
    is_known: Bools
    entered: Ints
    done: Outcomes

    @property
    def users(self) -> int:
        """The number of users seen in the second half."""
        return int(self._has_entered.sum())

    def entries(self) -> Entries:
        """The users of the second half, all in the arm 0."""
        known, is_before = self.is_known, self.done.looks < self.days
        before = self._sums(is_before)[self._has_entered]
        strata = np.where(known, KNOWN, NEWCOMERS)[self._has_entered]
        return Entries(np.zeros(self.users, dtype=np.int64), strata, before, self.entered[self._has_entered])

    def outcomes(self) -> Outcomes:
        """The outcomes of the second half, with users as indices of `entries`, and days counted from the middle."""
        places = np.cumsum(self._has_entered) - 1
        since = (self.done.looks >= self.days) & self._has_entered[self.done.users]
        users, looks = self.done.users[since], self.done.looks[since] - self.days
        return Outcomes(places[users], looks, self.done.values[since])

    def first_half(self) -> PrePeriod:
        return self._pre_period(self.is_known, begins=0)

    def second_half(self) -> PrePeriod:
        return self._pre_period(self._has_entered, begins=self.days)

    @property
    def _has_entered(self) -> Bools:
        has_entered: Bools = self.entered != _NOT_SEEN
        return has_entered

    def _pre_period(self, seen: Bools, begins: int) -> PrePeriod:
        """The sums of the `seen` users over the `days` days from the day `begins` on."""
        looks, middle = self.done.looks, begins + self.days // 2
        x1 = self._sums((looks >= begins) & (looks < middle))
        x2 = self._sums((looks >= middle) & (looks < begins + self.days))
        return PrePeriod.of_users(x1[seen], x2[seen])

    def _sums(self, counted: Bools) -> Floats:
        """Each user's sum over the `counted` days."""
        return sums_of(self.done.users[counted], self.done.values[counted], len(self.entered))


def read_past_days(definition: Definition, eligible: Ints, today: date) -> PastDays:
    """The last 56 days before `today`, fewer with a shorter history, of the current casino's `eligible` users (sorted
    ids), by the experiment's metric. Raises TooLittleHistory for fewer than 14 days."""
    days = _days_of_halves(today)
    begins, middle = today - timedelta(days=2 * days), today - timedelta(days=days)
    seen = query(_SEEN, {"begins": begins, "middle": middle, "until": today})
    ids = np.array([row[0] for row in seen], dtype=np.int64)
    kept = np.isin(ids, eligible)
    entered = [_NOT_SEEN if row[2] is None else (row[2] - middle).days for row in seen]
    return PastDays(
        days=days,
        is_known=np.array([row[1] for row in seen], dtype=np.bool_)[kept],
        entered=np.array(entered, dtype=np.int64)[kept],
        done=_done(definition, ids[kept], begins=begins, middle=middle, until=today),
    )


def _done(definition: Definition, ids: Ints, *, begins: date, middle: date, until: date) -> Outcomes:
    names = [each.name for each in definition.variants]
    cap = Period(definition.name, names, definition.metric, middle).read_cap()
    parameters = {"begins": begins, "starts": until, "cap": cap, "experiment": definition.name}
    rows = query(_DONE.format(values=VALUES[definition.metric]), parameters)
    users = np.array([row[0] for row in rows], dtype=np.int64)
    looks = np.array([(row[1] - begins).days for row in rows], dtype=np.int64)
    values = np.array([row[2] for row in rows], dtype=np.float64)
    places = np.searchsorted(ids, users)
    kept = np.append(ids, -1)[places] == users
    return Outcomes(places[kept], looks[kept], values[kept])


def _days_of_halves(today: date) -> int:
    parameters = {"begins": today - timedelta(days=2 * PRE_PERIOD_DAYS), "until": today}
    [(first,)] = query(_FIRST_DAY, parameters)
    days = 0 if first is None else (today - first).days
    if days < FEWEST_DAYS:
        raise TooLittleHistory(
            f"The casino has a history of {days} days: a check needs at least {FEWEST_DAYS} days, better "
            f"{2 * PRE_PERIOD_DAYS}. Send older coupons and run manage.py attribute, or check again later."
        )
    return days // 2
