"""Reads the sums over an experiment's users at the end of each day from the casino's `user_days`."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

import numpy as np

from recommendations.experiments.statistics.clock import PRE_PERIOD_DAYS, PrePeriod
from recommendations.experiments.statistics.interleaving import Credits
from recommendations.experiments.statistics.moments import KNOWN, NEWCOMERS, Ints, Moments
from recommendations.experiments.statistics.running import STRATA, Entries, Outcomes, running_credits, running_moments
from recommendations.serving.experiments.running import Metric
from tenants.routing.connections import casino_atomic, execute, query

CAP_QUANTILE = 0.99  # of stakes, fixed by the pre-period: a few users stake most of the money


class Watched(StrEnum):
    """The guarded quantities that are not metrics: a user's days with such an answer."""

    ANSWERED = "answered_days"
    EMPTY = "empty_days"
    REFUSED = "refused_days"


Measure = Metric | Watched

# The metric of a user's day. Before the start, when the experiment has no slips, any attributed bet counts.
_ANSWER_DAYS = "SELECT DISTINCT user_id, day, 1.0::float8 AS value FROM user_days WHERE recommender <> ''"
VALUES: dict[Measure, str] = {
    Metric.BET_DAYS: "SELECT user_id, day, 1.0::float8 AS value FROM user_days WHERE recommender = '' AND bets > 0",
    Metric.TURNOVER: (
        "SELECT user_id, day, least(stake::float8, %(cap)s::float8) AS value FROM user_days"
        " WHERE recommender = '' AND bets > 0"
    ),
    Metric.ATTRIBUTED_DAYS: f"{_ANSWER_DAYS} AND bets > 0 AND (experiment = %(experiment)s OR day < %(starts)s)",
    Metric.INFLUENCE: (
        f"{_ANSWER_DAYS} AND bets + withheld_bets > 0 AND (experiment = %(experiment)s OR day < %(starts)s)"
    ),
    Watched.ANSWERED: f"{_ANSWER_DAYS} AND answers > 0",
    Watched.EMPTY: f"{_ANSWER_DAYS} AND empty > 0 AND (experiment = %(experiment)s OR day < %(starts)s)",
    Watched.REFUSED: f"{_ANSWER_DAYS} AND refused > 0",  # a refused answer belongs to no experiment
}

_CAP = """
SELECT coalesce(percentile_cont(%(quantile)s) WITHIN GROUP (ORDER BY stake::float8), 0) FROM user_days
WHERE recommender = '' AND bets > 0 AND day >= %(begins)s AND day < %(starts)s
"""
# A user's variant is that of the sent answers; in a holdout's control, all answers are withheld.
_ENTERED = """
SELECT user_id, min(day) AS entered, coalesce(
    min(variant) FILTER (WHERE answers > 0), min(variant) FILTER (WHERE withheld > 0)
) AS variant
FROM user_days WHERE experiment = %(experiment)s AND day BETWEEN %(starts)s AND %(until)s
GROUP BY user_id
"""
_ENTRIES = """
SELECT entered.user_id, array_position(%(variants)s::text[], variant::text) - 1 AS arm, entered.entered,
    seen.user_id IS NOT NULL AS is_known, coalesce(x, 0) AS x
FROM ({entered}) AS entered
LEFT JOIN (SELECT DISTINCT user_id FROM user_days WHERE day >= %(begins)s AND day < %(starts)s) AS seen USING (user_id)
LEFT JOIN (
    SELECT user_id, sum(value) AS x FROM ({values}) AS before WHERE day >= %(begins)s AND day < %(starts)s
    GROUP BY user_id
) AS before USING (user_id)
WHERE variant = ANY(%(variants)s) ORDER BY entered.user_id
"""
_OUTCOMES = "SELECT user_id, day, value FROM ({values}) AS since WHERE day BETWEEN %(starts)s AND %(until)s"
_NOW = """
WITH entries AS MATERIALIZED ({entries}), sums AS (
    SELECT user_id, sum(value) AS y FROM entries JOIN ({outcomes}) AS outcomes USING (user_id)
    WHERE day >= entered GROUP BY user_id
)
SELECT arm, is_known, count(*), count(*) FILTER (WHERE y <> 0), sum(y), sum(y * y), sum(x), sum(x * x), sum(x * y)
FROM (
    SELECT arm, is_known, x::float8 AS x, coalesce(y, 0)::float8 AS y FROM entries LEFT JOIN sums USING (user_id)
) AS users
GROUP BY arm, is_known
"""
_CREDITS = """
SELECT user_id, day, sum(credit_a), sum(credit_b) FROM user_days
WHERE experiment = %(experiment)s AND day BETWEEN %(starts)s AND %(until)s AND credit_a + credit_b > 0
GROUP BY user_id, day
"""
_PRE_USERS = "SELECT count(DISTINCT user_id) FROM user_days WHERE day >= %(begins)s AND day < %(starts)s"
_PRE_PERIOD = """
SELECT count(*), sum(x1), sum(x2), sum(x1 * x1), sum(x2 * x2), sum(x1 * x2) FROM (
    SELECT user_id, coalesce(sum(value) FILTER (WHERE day < %(middle)s), 0) AS x1,
        coalesce(sum(value) FILTER (WHERE day >= %(middle)s), 0) AS x2
    FROM (SELECT DISTINCT user_id FROM user_days WHERE day >= %(begins)s AND day < %(starts)s) AS seen
    LEFT JOIN (
        SELECT * FROM ({values}) AS before WHERE day >= %(begins)s AND day < %(starts)s
    ) AS before USING (user_id)
    GROUP BY user_id
) AS users
"""


@dataclass(frozen=True, slots=True)
class Period:
    """An experiment's users and days (UTC). The control is the first of `variants`; `starts` is the first day, and the
    28 days before it are the pre-period."""

    experiment: str
    variants: Sequence[str]
    metric: Measure
    starts: date

    @property
    def _parameters(self) -> dict[str, Any]:
        begins = self.starts - timedelta(days=PRE_PERIOD_DAYS)
        return {
            "experiment": self.experiment,
            "variants": list(self.variants),
            "starts": self.starts,
            "begins": begins,
            "middle": begins + timedelta(days=PRE_PERIOD_DAYS // 2),
        }

    def read_moments(self, until: date) -> Moments:
        """The sums at the end of each day up to `until`, of shape (days, variants, 2), in the current casino.

        A user counts from the first day with an answer of the experiment. A user who enters between the queries is left
        out, unless the caller's transaction reads from one snapshot.
        """
        parameters = {**self._parameters, "cap": self.read_cap(), "until": until}
        entries = _query_users(_ENTRIES.format(entered=_ENTERED, values=VALUES[self.metric]), parameters)
        outcomes = query(_OUTCOMES.format(values=VALUES[self.metric]), parameters)
        ids = np.array([row[0] for row in entries], dtype=np.int64)
        user_entries = Entries(
            arms=np.array([row[1] for row in entries], dtype=np.int64),
            strata=np.array([NEWCOMERS if row[3] is False else KNOWN for row in entries], dtype=np.int64),
            x=np.array([row[4] for row in entries], dtype=np.float64),
            looks=self._days_of([row[2] for row in entries]),
        )
        since_entry = self._since_entry(ids, user_entries, outcomes)
        return running_moments(user_entries, since_entry, looks=(until - self.starts).days + 1, arms=len(self.variants))

    def read_latest(self, until: date) -> Moments:
        """The sums at the end of `until` alone, of shape (1, variants, 2), computed by the database."""
        values = VALUES[self.metric]
        entries, outcomes = _ENTRIES.format(entered=_ENTERED, values=values), _OUTCOMES.format(values=values)
        parameters = {**self._parameters, "cap": self.read_cap(), "until": until}
        sums = np.zeros((len(fields(Moments)), 1, len(self.variants), STRATA))
        for arm, is_known, *user_entries in _query_users(_NOW.format(entries=entries, outcomes=outcomes), parameters):
            sums[:, 0, arm, KNOWN if is_known else NEWCOMERS] = user_entries
        return Moments(*sums)

    def read_credits(self, until: date) -> Credits:
        """The credits of an interleaving at the end of each day up to `until`."""
        rows = query(_CREDITS, {**self._parameters, "until": until})
        return running_credits(
            np.array([row[0] for row in rows], dtype=np.int64),
            self._days_of([row[1] for row in rows]),
            np.array([row[2] for row in rows], dtype=np.float64),
            np.array([row[3] for row in rows], dtype=np.float64),
            looks=(until - self.starts).days + 1,
        )

    def read_pre_period(self) -> PrePeriod:
        """The sums of the pre-period's halves, over the users with an answer or a coupon in it."""
        parameters = {**self._parameters, "cap": self.read_cap()}
        row = _query_users(_PRE_PERIOD.format(values=VALUES[self.metric]), parameters)[0]
        return PrePeriod(*(float(each or 0) for each in row))

    def read_pre_users(self) -> float:
        """The number of users with an answer or a coupon in the pre-period."""
        return float(query(_PRE_USERS, self._parameters)[0][0])

    def read_cap(self) -> float:
        """The cap of a day's stake; 0 for a metric without stakes."""
        return (
            float(query(_CAP, {**self._parameters, "quantile": CAP_QUANTILE})[0][0])
            if self.metric is Metric.TURNOVER
            else 0.0
        )

    def _days_of(self, days: Sequence[date]) -> Ints:
        """The number of days from the start to each of `days`."""
        return np.array([(each - self.starts).days for each in days], dtype=np.int64)

    def _since_entry(self, ids: Ints, entries: Entries, outcomes: Sequence[tuple[Any, ...]]) -> Outcomes:
        """The outcomes of entered users, from their entry on; `ids` is sorted."""
        users = np.array([row[0] for row in outcomes], dtype=np.int64)
        days = self._days_of([row[1] for row in outcomes])
        values = np.array([row[2] for row in outcomes], dtype=np.float64)
        places = np.searchsorted(ids, users)
        has_entered = np.append(ids, -1)[places] == users
        places, days, values = places[has_entered], days[has_entered], values[has_entered]
        is_since = days >= entries.looks[places]
        return Outcomes(places[is_since], days[is_since], values[is_since])


def _query_users(sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a query that joins users with users, without nested loops. PostgreSQL would choose these if its
    statistics are older than the experiment, since it then expects few users; with 20,000 users they take minutes."""
    with casino_atomic():
        execute("SET LOCAL enable_nestloop = off")
        return query(sql, parameters)
