"""Whether a running experiment is looked at."""

from datetime import datetime, timedelta

from recommendations.serving.experiments.running import Kind
from tenants.models import Experiment

from .definition import Guard
from .guarding import wanted_guards
from .measuring import Measured
from .run import Run
from .stored_looks import last_looked_at

OLD = timedelta(hours=3)  # a look is made each hour


def unlooked_since_of(run: Run, experiment: Experiment, measured: Measured, *, is_stored: bool) -> datetime | None:
    """When the latest look at the current casino's running experiment was made, or its start, where that is more than
    3 hours ago; else None.

    `is_stored`: `measured` is of stored looks. Else it was computed at `run.at`, and seems fresh though no guard may
    ever have been evaluated. A look stores nothing where the history is too short and there is nothing else to watch.
    """
    latest = measured.courses[0].times[-1] if is_stored else last_looked_at(experiment)
    watches = run.definition.kind is Kind.INTERLEAVE or Guard.LATENCY in wanted_guards(run.definition)
    if latest is None and not measured.courses and not watches:
        return None
    latest = latest or run.starts_at
    return latest if latest < run.at - OLD else None
