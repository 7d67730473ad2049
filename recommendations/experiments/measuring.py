"""Measures an experiment: computes the course of each variant from the users' days."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, time, timedelta

import numpy as np

from recommendations.serving.experiments.running import Kind, Metric

from .course import Course
from .run import CREDITS, Run
from .statistics.boundary import Floats
from .statistics.clock import CREDIT_DAYS, FEWEST_CREDITS_TO_PLAN, planned_credit_variance
from .statistics.contrast import contrast
from .statistics.errors import TooLittleHistory
from .statistics.interleaving import Credits, follow_credits
from .statistics.looks import follow


@dataclass(frozen=True, slots=True)
class Measured:
    """`users` have entered each variant; in an interleaving, they are the bets credited to each. With a too short
    history, there are no courses, and `problem` has the reason."""

    users: dict[str, int]
    courses: tuple[Course, ...]
    problem: str = ""


def measure(run: Run, *, is_latest: bool = False) -> Measured:
    """Measure by the experiment's own metric, at the end of each day so far, or only at `run.at` if `is_latest`."""
    if run.definition.kind is Kind.INTERLEAVE:
        return _measure_credits(run)
    return measure_by(run, run.definition.metric, is_latest=is_latest)


def measure_by(run: Run, metric: Metric, *, is_latest: bool = False) -> Measured:
    period = run.period(metric)
    moments = period.read_latest(run.until) if is_latest else period.read_moments(run.until)
    users, pre = moments.users.sum(axis=2), period.read_pre_period()

    def course(number: int) -> Course:
        found = contrast(moments, number)
        looks = follow(found, run.planned(pre, number), run.alpha)
        times = _ends_of_days(run, len(looks.z))
        return Course(run.names[number], metric.value, times, users[:, number], users[:, 0], found.signal, looks)

    return _measured(run, users, course)


def _measure_credits(run: Run) -> Measured:
    found = run.period(Metric.INFLUENCE).read_credits(run.until)
    number = found.a + found.b

    def course(variant: int) -> Course:
        days = max(int(np.searchsorted(number, FEWEST_CREDITS_TO_PLAN)) + 1, CREDIT_DAYS)
        so_far = float(number[days - 1]) if days <= len(number) else 0.0
        planned = planned_credit_variance(so_far, days, run.definition.planned_days)
        since = Credits(*(getattr(found, each.name)[days - 1 :] for each in fields(Credits)))
        looks = follow_credits(since, planned)
        times = _ends_of_days(run, len(looks.z))
        return Course(run.names[variant], CREDITS, times, since.b, since.a, np.zeros_like(looks.z), looks)

    return _measured(run, np.stack([found.a, found.b], axis=1), course)


def _measured(run: Run, users: Floats, course: Callable[[int], Course]) -> Measured:
    entered = dict(zip(run.names, map(int, users[-1]), strict=True))
    try:
        return Measured(entered, tuple(map(course, range(1, len(run.names)))))
    except TooLittleHistory as error:
        return Measured(entered, (), str(error))


def _ends_of_days(run: Run, number: int) -> tuple[datetime, ...]:
    """The ends of the last `number` days; that of the latest day is `run.at`."""
    midnight = datetime.combine(run.until, time.min, UTC)
    return (*(midnight - timedelta(days=each) for each in range(number - 2, -1, -1)), run.at)
