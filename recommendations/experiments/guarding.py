"""The guards of an experiment: quantities that must not get worse in a variant, evaluated at each look."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from math import inf

from recommendations.models import ExperimentLook
from recommendations.serving.experiments.running import Kind, Metric
from tenants.routing.connections import query

from .comparison import Measure, Watched
from .course import Course
from .definition import Definition, Guard
from .run import Run
from .statistics.clock import PrePeriod
from .statistics.contrast import Contrast, contrast
from .statistics.errors import TooLittleHistory
from .statistics.guards import (
    breaks_difference_limit,
    breaks_uplift_limit,
    count_rare,
    follow_difference,
    follow_uplift,
    planned_rare_variance,
)
from .statistics.looks import Looks
from .statistics.moments import Moments
from .stored_looks import look_row

LATENCY_LIMIT = 0.5  # of the 99th percentile above the control's
LATENCY_LOOKS = 3  # in a row
_MIN_DISTANCE = timedelta(minutes=50)  # looks that are closer cover the same hour, and count once
_MAX_AGE = timedelta(days=1)  # of the first of the looks in a row
_FEWEST_ANSWERS = 100  # of each variant in the hour before the look
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """The quantity of a guard (`measure`), its limit, and the sentence about a broken one (`words`)."""

    measure: Measure
    limit: float
    words: str


LIMITS: Mapping[Guard, Limit] = {
    Guard.STAKES: Limit(Metric.TURNOVER, 0.05, "capped stakes rose by more than 5 %"),
    Guard.BET_DAYS: Limit(Metric.BET_DAYS, -0.05, "days with a bet fell by more than 5 %"),
    Guard.EMPTY: Limit(Watched.EMPTY, 0.01, "the share of days with an empty answer rose by more than 1 point"),
    Guard.REFUSED: Limit(Watched.REFUSED, 0.01, "the share of days with a refusal rose by more than 1 point"),
}
WORDS_OF_LATENCY = "at three looks in a row, the 99th percentile of latency was more than 1.5 times the control's"
# A holdout's control has no sent answers, and all users of an interleaving see both lists.
_GUARDS_OF_KIND: Mapping[Kind, frozenset[Guard]] = {
    Kind.AB: frozenset(Guard),
    Kind.HOLDOUT: frozenset({Guard.STAKES, Guard.BET_DAYS}),
    Kind.INTERLEAVE: frozenset(),
}

_LATENCIES = """
SELECT variant, percentile_cont(0.99) WITHIN GROUP (ORDER BY took_ms) FROM served_recommendations
WHERE timestamp > %(since)s AND timestamp <= %(at)s AND experiment = %(experiment)s AND shown AND took_ms IS NOT NULL
GROUP BY variant HAVING count(*) >= %(fewest)s
"""


def evaluate_guards(run: Run) -> Iterator[ExperimentLook]:
    """The rows of this look at each guard of the experiment, not stored yet; none for a guard without enough data."""
    enabled, rates = enabled_guards(run.definition), cache(partial(_read_rates, run))
    for guard in (each for each in LIMITS if each in enabled):
        with suppress(TooLittleHistory):
            yield from _evaluate(run, guard, rates)
    if Guard.LATENCY in enabled:
        yield from _latencies(run)


def enabled_guards(definition: Definition) -> frozenset[Guard]:
    """The guards that the definition names and its kind of experiment supports."""
    return _GUARDS_OF_KIND[definition.kind] & frozenset(definition.guards)


@dataclass(frozen=True, slots=True)
class _Rates:
    """The inputs of guards of shares of days: the number of `users` in the pre-period, and the mean number of days on
    which a user of the control was `answered` since the start."""

    users: float
    answered: float


@dataclass(frozen=True, slots=True)
class _Watch:
    """A look at the quantity of a guard."""

    run: Run
    guard: Guard
    moments: Moments

    def uplift(self, pre: PrePeriod, number: int) -> ExperimentLook:
        """The look at the uplift of a variant. Raises TooLittleHistory."""
        found, planned = contrast(self.moments, number), self.run.planned(pre, number)
        row = self._row(number, found, follow_uplift(found, planned))
        row.is_broken = breaks_uplift_limit(found, planned, LIMITS[self.guard].limit)
        return row

    def points(self, rates: _Rates, number: int) -> ExperimentLook:
        """The look at the share of a variant's days, in points of the days on which the control's users were answered.
        Raises TooLittleHistory."""
        pair, days = self.moments.pair(number), self.run.definition.planned_days
        found = count_rare(contrast(self.moments, number), pair.users.sum(axis=2), pair.bettors.sum(axis=2))
        planned = planned_rare_variance(rates.users, **self.run.shares_of(number), planned_days=days)
        row = self._row(number, found, follow_difference(found, planned))
        row.is_broken = breaks_difference_limit(found, planned, LIMITS[self.guard].limit * rates.answered)
        row.estimate, row.low, row.high = (each / rates.answered for each in (row.estimate, row.low, row.high))
        return row

    def _row(self, number: int, found: Contrast, looks: Looks) -> ExperimentLook:
        users = self.moments.users.sum(axis=2)
        course = Course(
            variant=self.run.names[number],
            metric=LIMITS[self.guard].measure.value,
            times=(self.run.at,),
            users=users[:, number],
            control_users=users[:, 0],
            signals=found.signal,
            looks=looks,
        )
        row = look_row(self.run.definition.name, course)
        row.guard = self.guard.value
        return row


def _evaluate(run: Run, guard: Guard, read_rates: Callable[[], _Rates]) -> Iterator[ExperimentLook]:
    """The rows of a look at one guard. Raises TooLittleHistory."""
    measure, numbers = LIMITS[guard].measure, range(1, len(run.names))
    period = run.period(measure)
    watch = _Watch(run, guard, period.read_latest(run.until))
    if not isinstance(measure, Watched):
        yield from map(partial(watch.uplift, period.read_pre_period()), numbers)
    elif (rates := read_rates()).answered:
        yield from map(partial(watch.points, rates), numbers)


def _read_rates(run: Run) -> _Rates:
    period = run.period(Watched.ANSWERED)
    days = period.read_latest(run.until)
    return _Rates(period.read_pre_users(), float(days.y[0, 0].sum() / max(days.users[0, 0].sum(), 1.0)))


def _latencies(run: Run) -> Iterator[ExperimentLook]:
    """The looks at latency, by a rule without a test: no test of a percentile is valid at every look."""
    parameters = {"since": run.at - _HOUR, "at": run.at, "experiment": run.definition.name, "fewest": _FEWEST_ANSWERS}
    found = dict(query(_LATENCIES, parameters))
    control = found.get(run.names[0])
    for name in run.names[1:]:
        is_known = name in found and bool(control)
        slower = found[name] / control - 1 if is_known else 0.0
        yield ExperimentLook(
            experiment=run.definition.name,
            variant=name,
            metric="took_ms",
            guard=Guard.LATENCY.value,
            looked_at=run.at,
            users=0,
            control_users=0,
            tau=0.0,
            z=0.0,
            bound=0.0,
            estimate=slower,
            low=slower if is_known else -inf,
            high=slower if is_known else inf,
            is_broken=slower > LATENCY_LIMIT and _slow_before(run, name) >= LATENCY_LOOKS - 1,
        )


def _slow_before(run: Run, variant: str) -> int:
    """The number of consecutive slow looks at the variant before this one. Looks can be at any time."""
    looks = ExperimentLook.objects.filter(experiment=run.definition.name, variant=variant, guard=Guard.LATENCY.value)
    earlier = looks.filter(looked_at__gte=run.at - _MAX_AGE).order_by("-looked_at", "-id")
    number, counted = 0, run.at
    for looked_at, estimate in earlier.values_list("looked_at", "estimate"):
        if estimate <= LATENCY_LIMIT:
            break
        if looked_at <= counted - _MIN_DISTANCE:
            number, counted = number + 1, looked_at
    return number
