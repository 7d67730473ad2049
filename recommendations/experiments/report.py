"""What an experiment has shown so far: users of each variant, and a verdict on each but the control."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from math import isinf

import msgspec
import numpy as np

from recommendations.errors import ExperimentConflict
from recommendations.experiments.statistics.boundary import Floats, alpha_of_each
from recommendations.experiments.statistics.clock import (
    CREDIT_DAYS,
    FEWEST_CREDITS_TO_PLAN,
    planned_credit_variance,
    planned_variance,
)
from recommendations.experiments.statistics.contrast import Contrast, contrast
from recommendations.experiments.statistics.duration import days_until
from recommendations.experiments.statistics.errors import TooLittleHistory
from recommendations.experiments.statistics.interleaving import Credits, follow_credits
from recommendations.experiments.statistics.looks import Looks, follow
from recommendations.experiments.statistics.mismatch import is_mismatch
from recommendations.experiments.statistics.verdict import (
    WORDS_OF_METRIC,
    Case,
    Verdict,
    VerdictCode,
    judge,
    judge_preference,
)
from recommendations.serving.experiments.running import Kind
from tenants.models import Experiment, ExperimentState

from .comparison import Period
from .definition import Definition, load_definition

KNOWS_NOTHING = (-1.0, 1.0)  # the interval of a preference without a look that counts


class Look(msgspec.Struct, frozen=True):
    """What was known at the end of a day, of the estimate and interval of `VariantReport`. `z`: the difference in
    standard errors; significant from `boundary` on, above or below 0."""

    day: date
    estimate: float
    low: float
    high: float
    z: float
    boundary: float


class VariantReport(msgspec.Struct, frozen=True):
    """A variant against the control. `estimate`, `low` and `high`: the uplift and its 95 % confidence interval (.1 is
    10 % more), in an interleaving the preference; null while too few have bet. `progress`: the clock, 1 at the planned
    end. `looks`: one a day, without days on which too few had bet."""

    variant: str
    verdict: str
    sentence: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    progress: float | None = None
    looks: tuple[Look, ...] = ()


class ExperimentReport(msgspec.Struct, frozen=True):
    """`users`: how many have entered each variant; an interleaving has bets credited to each in `credits` instead."""

    name: str
    state: str
    metric: str
    days: int
    users: dict[str, int]
    credits: dict[str, int]
    variants: tuple[VariantReport, ...]

    @property
    def entered(self) -> int:
        """How many users have entered."""
        return sum(self.users.values())

    @property
    def is_mismatched(self) -> bool:
        return any(each.verdict == VerdictCode.MISMATCH for each in self.variants)


@dataclass(frozen=True, slots=True)
class _Run:
    definition: Definition
    is_running: bool
    starts: date
    until: date

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.definition.variants]

    @property
    def period(self) -> Period:
        return Period(self.definition.name, self.names, self.definition.metric, self.starts)

    @property
    def days(self) -> int:
        return (self.until - self.starts).days + 1

    def case(self, number: int) -> Case:
        words = WORDS_OF_METRIC[self.definition.metric]
        return Case(variant=self.names[number], control=self.names[0], metric=words)


def report_on(experiment: Experiment, now: datetime) -> ExperimentReport:
    """The report of the current casino's experiment at `now`. Raises ExperimentConflict before it has begun."""
    state = experiment.state_at(now)
    if experiment.starts_at is None or state is ExperimentState.SCHEDULED:
        raise ExperimentConflict(f"{experiment} is {state}: there is a report once it has begun")
    ends = now if experiment.stops_at is None else min(now, experiment.stops_at)
    run = _Run(
        load_definition(experiment.definition),
        state is ExperimentState.RUNNING,
        _day(experiment.starts_at),
        _day(ends),
    )
    of_kind = _interleaving if run.definition.kind is Kind.INTERLEAVE else _comparison
    users, of_lists, variants = of_kind(run)
    metric = "credits" if run.definition.kind is Kind.INTERLEAVE else run.definition.metric.value
    return ExperimentReport(experiment.name, state.value, metric, run.days, users, of_lists, variants)


_Found = tuple[dict[str, int], dict[str, int], tuple[VariantReport, ...]]


def _comparison(run: _Run) -> _Found:
    moments = run.period.read_moments(run.until)
    users = moments.users.sum(axis=2)
    shares = np.array([each.share for each in run.definition.variants])
    has_mismatch = is_mismatch(users, shares / shares.sum())
    pre, traffic = run.period.read_pre_period(), run.definition.traffic

    def judged(number: int) -> tuple[Verdict, Looks]:
        planned = planned_variance(
            pre,
            control_share=shares[0] * traffic,
            variant_share=shares[number] * traffic,
            planned_days=run.definition.planned_days,
        )
        found, alpha = contrast(moments, number), alpha_of_each(len(shares))
        looks = follow(found, planned, alpha)
        left = _days_left(run, found, planned, alpha)
        return judge(looks, replace(run.case(number), is_mismatch=has_mismatch, days_left=left)), looks

    entered = dict(zip(run.names, map(int, users[-1]), strict=True))
    return entered, {}, tuple(_reported(run, each, judged) for each in range(1, len(shares)))


def _interleaving(run: _Run) -> _Found:
    found = run.period.read_credits(run.until)
    number = found.a + found.b

    def judged(variant: int) -> tuple[Verdict, Looks]:
        days = max(int(np.searchsorted(number, FEWEST_CREDITS_TO_PLAN)) + 1, CREDIT_DAYS)
        planned = planned_credit_variance(_at(number, days), days, run.definition.planned_days)
        since = Credits(*(each[days - 1 :] for each in (found.a, found.b, found.aa, found.bb, found.ab)))
        looks = follow_credits(since, planned)
        return judge_preference(looks, run.case(variant)), looks

    of_lists = dict(zip(run.names, (int(found.a[-1]), int(found.b[-1])), strict=True))
    return {}, of_lists, (_reported(run, 1, judged),)


def _reported(run: _Run, number: int, judged: Callable[[int], tuple[Verdict, Looks]]) -> VariantReport:
    try:
        verdict, looks = judged(number)
    except TooLittleHistory as error:
        return VariantReport(run.names[number], VerdictCode.UNDECIDED.value, str(error))
    estimate, low, high, tau = (float(each[-1]) for each in (looks.estimate, looks.low, looks.high, looks.tau))
    if verdict.code is VerdictCode.MISMATCH or isinf(high):
        return VariantReport(run.names[number], verdict.code.value, verdict.sentence)
    by_day = _looks_by_day(run, looks)
    return VariantReport(run.names[number], verdict.code.value, verdict.sentence, estimate, low, high, tau, by_day)


def _looks_by_day(run: _Run, looks: Looks) -> tuple[Look, ...]:
    """The looks are those of the last days: an interleaving's begin later than the experiment."""
    columns = (looks.estimate, looks.low, looks.high, looks.z, looks.bound)
    first = run.until - timedelta(days=len(looks.z) - 1)
    return tuple(
        Look(first + timedelta(days=number), *map(float, values))
        for number, values in enumerate(zip(*columns, strict=True))
        if np.isfinite(values).all() and tuple(values[1:3]) != KNOWS_NOTHING
    )


def _days_left(run: _Run, found: Contrast, planned: float, alpha: float) -> float | None:
    if not run.is_running:
        return None
    day = days_until(np.arange(1, run.days + 1.0), found, planned, alpha=alpha)
    return None if day is None else max(day - run.days, 0.0)


def _at(number: Floats, days: int) -> float:
    return float(number[days - 1]) if days <= len(number) else 0.0


def _day(time: datetime) -> date:
    return time.astimezone(UTC).date()
