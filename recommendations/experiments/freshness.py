"""Finds running experiments without a recent look."""

from datetime import datetime, timedelta

from recommendations.serving.experiments.running import Kind
from tenants.models import Experiment

from .definition import Guard
from .guarding import enabled_guards
from .measuring import Measured
from .run import Run
from .stored_looks import last_looked_at

_MAX_AGE = timedelta(hours=3)  # a look is made each hour


def outdated_since(run: Run, experiment: Experiment, measured: Measured, *, is_stored: bool) -> datetime | None:
    """The time of the latest look at the current casino's running experiment, or of its start, if that is more than 3
    hours ago; otherwise None.

    `is_stored`: `measured` is of stored looks. Otherwise it was computed at `run.at`, and does not show whether any
    guard was evaluated. None, too, if looks store nothing: the history is too short, and there is no guard to evaluate.
    """
    latest = measured.courses[0].times[-1] if is_stored else last_looked_at(experiment)
    watches = run.definition.kind is Kind.INTERLEAVE or Guard.LATENCY in enabled_guards(run.definition)
    if latest is None and not measured.courses and not watches:
        return None
    latest = latest or run.starts_at
    return latest if latest < run.at - _MAX_AGE else None
