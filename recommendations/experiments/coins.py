"""The coins of an interleaving: each list should begin half of the sent slips."""

from datetime import UTC, datetime, timedelta
from math import inf, log

import numpy as np

from recommendations.models import ExperimentLook
from tenants.models import Experiment
from tenants.routing.connections import query

from .run import Run
from .statistics.mismatch import ALPHA, log_evidence

COINS = "coins"  # in place of a guard's name in looks
_MAX_PERIOD = timedelta(days=1)  # a query of all days after an outage might always exceed its time limit
_FAIR = np.array([0.5, 0.5])

# A user's slips of an hour have the same coin. Its result is sent with the slip as `first_team`; the first event does
# not show it, since events without a price are removed after the draft.
_COUNT_FIRST_TEAMS = """
SELECT count(*) FILTER (WHERE first_team = 'A'), count(*) FILTER (WHERE first_team = 'B') FROM (
    SELECT DISTINCT user_id, date_trunc('hour', timestamp, 'UTC'), events->0->>'first_team' AS first_team
    FROM served_recommendations
    WHERE timestamp >= %(since)s AND timestamp < %(until)s AND experiment = %(experiment)s AND shown
) AS coins
"""


def count_coins(run: Run) -> ExperimentLook | None:
    """The next row of the current casino's interleaving, not stored yet: the number of users' hours that each list
    began since the start. None within the hour of the previous row. If more than a day is not counted yet, the row is
    of the end of the first such day: store it, and call again. The last row is of `run.at`."""
    last = ExperimentLook.objects.filter(experiment=run.definition.name, guard=COINS).order_by("-looked_at").first()
    since, until = _hour_of(run.starts_at if last is None else last.looked_at), _hour_of(run.at)
    if until <= since:
        return None
    looked_at = run.at
    if until > since + _MAX_PERIOD:
        looked_at = until = since + _MAX_PERIOD
    [(a, b)] = query(_COUNT_FIRST_TEAMS, {"since": since, "until": until, "experiment": run.definition.name})
    a, b = (a, b) if last is None else (a + last.control_users, b + last.users)
    evidence, bound = float(log_evidence(np.array([float(a), float(b)]), _FAIR)), -log(ALPHA)
    return ExperimentLook(
        experiment=run.definition.name,
        variant=run.names[1],
        metric=COINS,
        guard=COINS,
        looked_at=looked_at,
        users=b,
        control_users=a,
        tau=0.0,
        z=evidence,
        bound=bound,
        estimate=(b - a) / max(a + b, 1),
        low=-inf,
        high=inf,
        is_broken=evidence > bound,
    )


def has_metric_looks(experiment: Experiment) -> bool:
    """Whether the current casino's experiment has stored looks other than those of coins."""
    return ExperimentLook.objects.filter(experiment=experiment.name).exclude(guard=COINS).exists()


def are_coins_unfair(experiment: str) -> bool:
    """Whether at any stored look one list of the current casino's interleaving began significantly more than half of
    the slips."""
    return ExperimentLook.objects.filter(experiment=experiment, guard=COINS, is_broken=True).exists()


def _hour_of(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
