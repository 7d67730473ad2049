"""The stored looks at an experiment: its course over time, and the first look that was significant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import numpy as np

from recommendations.models import ExperimentLook
from tenants.models import Experiment

from .statistics.boundary import Floats
from .statistics.looks import Looks
from .statistics.looks import looks_of as intersected


@dataclass(frozen=True, slots=True)
class Course:
    """A variant against the control in one metric over all stored looks, in order of time; arrays have the shape
    (looks,). `users` of the variant and of the control, in an interleaving the bets credited to each list."""

    variant: str
    metric: str
    times: tuple[datetime, ...]
    users: Floats
    control_users: Floats
    signals: Floats
    looks: Looks

    @property
    def first_significant_at(self) -> datetime | None:
        first = self.looks.first_significant
        return None if first is None else self.times[first]


def looks_of(experiment: Experiment) -> tuple[Course, ...]:
    """The stored looks of an experiment of the current casino: a course for each variant but the control, and metric.
    Empty where it has not been looked at yet."""
    rows = ExperimentLook.objects.filter(experiment=experiment.name, guard="")
    ordered = rows.order_by("variant", "metric", "looked_at", "id")
    return tuple(
        _course(variant, metric, list(group))
        for (variant, metric), group in groupby(ordered, lambda row: (row.variant, row.metric))
    )


def _course(variant: str, metric: str, rows: Sequence[ExperimentLook]) -> Course:
    def values(name: str) -> Floats:
        return np.array([getattr(row, name) for row in rows], dtype=np.float64)

    looks = intersected(
        values("tau"),
        values("z"),
        values("bound"),
        estimate=values("estimate"),
        low=values("low"),
        high=values("high"),
    )
    times = tuple(row.looked_at for row in rows)
    return Course(variant, metric, times, values("users"), values("control_users"), values("signal"), looks)
