"""The looks at an experiment that are stored in the casino's database."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

import numpy as np

from recommendations.models import ExperimentLook
from tenants.models import Experiment
from tenants.routing.connections import query

from .course import Course
from .measuring import measure, measure_by
from .run import Run
from .statistics.boundary import Floats
from .statistics.looks import Looks
from .statistics.looks import looks_of as intersected

# Where another process looks at the same experiment, there is nothing left to do.
_TRY_LOCK = "SELECT pg_try_advisory_xact_lock('experiment_looks'::regclass::oid::integer, hashtext(%s))"
_OF_LOOKS = ("tau", "z", "bound", "estimate", "low", "high")


def try_lock_looks(experiment: Experiment) -> bool:
    """Whether no other transaction looks at this experiment."""
    [(is_locked,)] = query(_TRY_LOCK, [experiment.name])
    return bool(is_locked)


def last_looked_at(experiment: Experiment) -> datetime | None:
    latest = ExperimentLook.objects.filter(experiment=experiment.name).order_by("-looked_at", "-id").first()
    return None if latest is None else latest.looked_at


def looks_of(experiment: Experiment, later: Iterable[ExperimentLook] = ()) -> tuple[Course, ...]:
    """The stored looks of an experiment of the current casino: a course for each variant but the control, and metric.
    `later` ones, which are not stored, follow. Empty where it has not been looked at yet."""
    rows = ExperimentLook.objects.filter(experiment=experiment.name, guard="").order_by("looked_at", "id")
    ordered = sorted([*rows, *later], key=lambda row: (row.variant, row.metric))
    return tuple(
        _course(variant, metric, list(group))
        for (variant, metric), group in groupby(ordered, lambda row: (row.variant, row.metric))
    )


def look_row(experiment: str, course: Course, number: int = -1) -> ExperimentLook:
    """The row of one look of an experiment's course, not stored yet; the latest one unless told."""
    values = {name: float(getattr(course.looks, name)[number]) for name in _OF_LOOKS}
    return ExperimentLook(
        experiment=experiment,
        variant=course.variant,
        metric=course.metric,
        looked_at=course.times[number],
        users=int(course.users[number]),
        control_users=int(course.control_users[number]),
        signal=float(course.signals[number]),
        **values,
    )


def measured_rows(run: Run, *, is_first: bool) -> Iterator[ExperimentLook]:
    """The rows of a look by each metric, not stored yet. The first look at an experiment that has run for days tells of
    the end of each."""
    second = run.definition.second_metric
    measured = [measure(run, is_latest=not is_first)]
    if second is not None:
        measured.append(measure_by(run, second, is_latest=not is_first))
    for course in (each for found in measured for each in found.courses):
        first = 0 if is_first else len(course.times) - 1
        yield from (look_row(run.definition.name, course, number) for number in range(first, len(course.times)))


def _course(variant: str, metric: str, rows: Sequence[ExperimentLook]) -> Course:
    def values(name: str) -> Floats:
        return np.array([getattr(row, name) for row in rows], dtype=np.float64)

    tau, z, bound, estimate, low, high = map(values, _OF_LOOKS)
    looks: Looks = intersected(tau, z, bound, estimate=estimate, low=low, high=high)
    times = tuple(row.looked_at for row in rows)
    return Course(variant, metric, times, values("users"), values("control_users"), values("signal"), looks)
