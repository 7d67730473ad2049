"""The description of an experiment in the API and on the command line."""

from datetime import datetime
from typing import Any

from recommendations.serving.experiments.assignment import PARTS
from tenants.models import Experiment

from .ranges import size_of


def describe_experiment(experiment: Experiment, now: datetime) -> dict[str, Any]:
    """The experiment with its state at `now`; `enrolled_traffic` is the share of users who take part."""
    return {
        "name": experiment.name,
        "state": experiment.state_at(now).value,
        "starts_at": experiment.starts_at,
        "stops_at": experiment.stops_at,
        "enrolled_traffic": size_of(experiment.ranges) / PARTS,
        "created_at": experiment.created_at,
        "created_by": experiment.created_by,
        "started_by": experiment.started_by,
        "stopped_by": experiment.stopped_by,
        "definition": experiment.definition,
    }
