"""The looks at an experiment that are stored in the casino's database."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np

from recommendations.models import ExperimentLook
from tenants.models import Experiment
from tenants.routing.connections import query

from .course import Course
from .measuring import measure, measure_by
from .run import Run
from .statistics.looks import Looks
from .statistics.looks import looks_of as intersected

# If another process looks at the same experiment, this one skips it.
_TRY_LOCK = "SELECT pg_try_advisory_xact_lock('experiment_looks'::regclass::oid::integer, hashtext(%s))"
_LOOK_COLUMNS = ("tau", "z", "bound", "estimate", "low", "high")
_COURSE_COLUMNS = ("variant", "metric", "looked_at", "users", "control_users", "signal", *_LOOK_COLUMNS)
_course_of, _columns_of = itemgetter(0, 1), attrgetter(*_COURSE_COLUMNS)


def try_lock_looks(experiment: Experiment) -> bool:
    """Lock the looks at this experiment until the transaction ends; False if another transaction holds the lock."""
    [(is_locked,)] = query(_TRY_LOCK, [experiment.name])
    return bool(is_locked)


def last_looked_at(experiment: Experiment) -> datetime | None:
    latest = ExperimentLook.objects.filter(experiment=experiment.name).order_by("-looked_at", "-id").first()
    return None if latest is None else latest.looked_at


def looks_of(experiment: Experiment, later: Iterable[ExperimentLook] = ()) -> tuple[Course, ...]:
    """The courses of an experiment of the current casino, by its stored looks and then the `later` ones, which are not
    stored: one course for each metric and each variant except the control. Empty before the first look."""
    # tuples, not objects: a year has 17,500 looks
    stored = ExperimentLook.objects.filter(experiment=experiment.name, guard="").order_by("looked_at", "id")
    ordered = sorted([*stored.values_list(*_COURSE_COLUMNS), *map(_columns_of, later)], key=_course_of)
    return tuple(_course(variant, metric, list(rows)) for (variant, metric), rows in groupby(ordered, _course_of))


def look_row(experiment: str, course: Course, number: int = -1) -> ExperimentLook:
    """The row, not stored yet, of the look `number` of an experiment's course, by default the latest."""
    values = {name: float(getattr(course.looks, name)[number]) for name in _LOOK_COLUMNS}
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
    """The rows of a look by each metric, not stored yet. The first look at an experiment also has rows for the ends of
    its past days."""
    second = run.definition.second_metric
    measured = [measure(run, is_latest=not is_first)]
    if second is not None:
        measured.append(measure_by(run, second, is_latest=not is_first))
    for course in (each for found in measured for each in found.courses):
        first = 0 if is_first else len(course.times) - 1
        yield from (look_row(run.definition.name, course, number) for number in range(first, len(course.times)))


def _course(variant: str, metric: str, rows: Sequence[tuple[Any, ...]]) -> Course:
    """The course of rows with the columns `_COURSE_COLUMNS`, in chronological order."""
    times, *numbers = list(zip(*rows, strict=True))[2:]
    users, control_users, signals, *look_values = (np.array(each, dtype=np.float64) for each in numbers)
    tau, z, bound, estimate, low, high = look_values
    looks: Looks = intersected(tau, z, bound, estimate=estimate, low=low, high=high)
    return Course(variant, metric, times, users, control_users, signals, looks)
