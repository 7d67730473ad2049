"""The report of an experiment: the users of each variant, and a verdict on each variant except the control."""

from datetime import date, datetime, timedelta
from math import isinf

import msgspec
import numpy as np

from recommendations.serving.experiments.running import Kind
from tenants.models import Experiment, ExperimentState

from .coins import are_coins_unfair
from .course import Course
from .freshness import outdated_since
from .guard_report import GuardReport, broken_guards, guards_of
from .lifecycle import GUARD
from .measuring import Measured, measure
from .run import CREDITS, Run, run_of
from .statistics.duration import forecast
from .statistics.mismatch import is_mismatch
from .statistics.verdict import WORDS_OF_METRIC, Case, Verdict, VerdictCode, decide, decide_preference
from .stored_looks import looks_of, measured_rows

_UNKNOWN_PREFERENCE = (-1.0, 1.0)  # the interval of a preference without a look that counts
_MOMENT = timedelta(microseconds=1)


class Look(msgspec.Struct, frozen=True):
    """The result at the end of a day: `estimate`, `low` and `high` as in `VariantReport`, and `z`, the difference in
    standard errors, which is significant if |z| is above `boundary`."""

    day: date
    estimate: float
    low: float
    high: float
    z: float
    boundary: float


class VariantReport(msgspec.Struct, frozen=True):
    """The comparison of a variant with the control. `estimate`, `low` and `high`: the uplift and its 95 % confidence
    interval (.1 is 10 % more), in an interleaving the preference; null while too few users have bet. `progress`: the
    clock, 1 at the planned end. `looks`: one per day, from the day on which enough users had bet."""

    variant: str
    verdict: str
    sentence: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    progress: float | None = None
    looks: tuple[Look, ...] = ()


class SecondReport(msgspec.Struct, frozen=True):
    """The comparison of a variant with the control by the second metric, without a verdict; null while too few users
    have bet."""

    variant: str
    metric: str
    estimate: float | None
    low: float | None
    high: float | None


class ExperimentReport(msgspec.Struct, frozen=True):
    """`users`: number of users who have entered each variant; an interleaving has the bets credited to each in
    `credits` instead. `looked_at`: time of the latest look, which the numbers are of; before the first look, the time
    of their computation. `is_outdated`: the experiment runs without a look in the last 3 hours. `unlooked_since`: if it
    is outdated, the time of the latest look, or of the experiment's start."""

    name: str
    state: str
    metric: str
    days: int
    users: dict[str, int]
    credits: dict[str, int]
    variants: tuple[VariantReport, ...]
    looked_at: datetime
    is_outdated: bool = False
    unlooked_since: datetime | None = None
    second: tuple[SecondReport, ...] = ()
    guards: tuple[GuardReport, ...] = ()

    @property
    def entered(self) -> int:
        """The number of users who have entered."""
        return sum(self.users.values())

    @property
    def is_mismatched(self) -> bool:
        return any(each.verdict == VerdictCode.MISMATCH for each in self.variants)


def report_on(experiment: Experiment, now: datetime) -> ExperimentReport:
    """The report of the current casino's experiment by its latest stored look; computed at `now` if there is none. If
    the experiment ended after its latest look, the last look is computed. Raises ExperimentConflict before it has
    begun."""
    run = run_of(experiment, now)
    stored = looks_of(experiment)
    is_over = run.state is ExperimentState.STOPPED
    if is_over and stored and max(each.times[-1] for each in stored) < run.at:
        stored = looks_of(experiment, measured_rows(run, is_first=False))
    own = [each for each in stored if each.metric == run.metric]
    measured = Measured(_users(run, own), tuple(own)) if own else measure(run)
    guards = guards_of(run, experiment)
    broken = broken_guards(guards) if is_over and experiment.stopped_by == GUARD else {}
    is_interleaving = run.definition.kind is Kind.INTERLEAVE
    looked_at = measured.courses[0].times[-1] if measured.courses else run.at
    unlooked_since = None if is_over else outdated_since(run, experiment, measured, is_stored=bool(own))
    return ExperimentReport(
        name=experiment.name,
        state=run.state.value,
        metric=run.metric,
        days=run.days,
        users={} if is_interleaving else measured.users,
        credits=measured.users if is_interleaving else {},
        variants=_variants(run, measured, broken),
        looked_at=looked_at,
        is_outdated=unlooked_since is not None,
        unlooked_since=unlooked_since,
        second=tuple(_second(each) for each in stored if each.metric == run.definition.second_metric),
        guards=guards,
    )


def _users(run: Run, courses: list[Course]) -> dict[str, int]:
    by_variant = {each.variant: int(each.users[-1]) for each in courses}
    return {name: by_variant.get(name, int(courses[0].control_users[-1])) for name in run.names} if courses else {}


def _variants(run: Run, measured: Measured, broken: dict[str, str]) -> tuple[VariantReport, ...]:
    if not measured.courses:
        undecided = VerdictCode.UNDECIDED.value
        return tuple(VariantReport(name, undecided, measured.problem) for name in run.names[1:])
    has_mismatch = _is_mismatch(run, measured.courses)
    order = sorted(measured.courses, key=lambda course: run.names.index(course.variant))
    return tuple(_variant(run, each, has_mismatch, broken.get(each.variant, "")) for each in order)


def _is_mismatch(run: Run, courses: tuple[Course, ...]) -> bool:
    if run.definition.kind is Kind.INTERLEAVE:
        return are_coins_unfair(run.definition.name)
    by_variant = {each.variant: each.users for each in courses}
    users = np.stack([courses[0].control_users, *(by_variant[name] for name in run.names[1:])], axis=1)
    return is_mismatch(users, run.shares)


def _variant(run: Run, course: Course, has_mismatch: bool, broken_guard: str) -> VariantReport:
    verdict = _verdict(run, course, has_mismatch, broken_guard)
    looks, found = course.looks, (course.variant, verdict.code.value, verdict.sentence)
    if verdict.code is VerdictCode.MISMATCH or isinf(looks.high[-1]):
        return VariantReport(*found)
    estimate, low, high, tau = (float(each[-1]) for each in (looks.estimate, looks.low, looks.high, looks.tau))
    return VariantReport(*found, estimate, low, high, tau, _looks_by_day(course))


def _verdict(run: Run, course: Course, has_mismatch: bool, broken_guard: str) -> Verdict:
    case = Case(
        variant=course.variant,
        control=run.names[0],
        metric=WORDS_OF_METRIC[run.definition.metric],
        is_mismatch=has_mismatch,
        broken_guard=broken_guard,
        margin=run.definition.margin,
        days_left=_days_left(run, course),
    )
    return decide_preference(course.looks, case) if course.metric == CREDITS else decide(course.looks, case)


def _days_left(run: Run, course: Course) -> float | None:
    if run.state is not ExperimentState.RUNNING:
        return None
    ages = course.days_since(run.starts_at)
    day = forecast(ages, course.signals, course.looks.tau, alpha=run.alpha)
    return None if day is None else max(day - float(ages[-1]), 0.0)


def _looks_by_day(course: Course) -> tuple[Look, ...]:
    """The latest look of each day; a look at midnight belongs to the day that ends."""
    looks = course.looks
    columns = (looks.estimate, looks.low, looks.high, looks.z, looks.bound)
    by_day = {
        (at - _MOMENT).date(): Look((at - _MOMENT).date(), *map(float, values))
        for at, *values in zip(course.times, *columns, strict=True)
        if np.isfinite(values).all() and (values[1], values[2]) != _UNKNOWN_PREFERENCE
    }
    return tuple(by_day.values())


def _second(course: Course) -> SecondReport:
    looks = course.looks
    if isinf(looks.high[-1]):
        return SecondReport(course.variant, course.metric, None, None, None)
    values = (float(each[-1]) for each in (looks.estimate, looks.low, looks.high))
    return SecondReport(course.variant, course.metric, *values)
