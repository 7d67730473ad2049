"""Looks at experiments: stores their current results, and stops an experiment with a broken guard."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import QuerySet

from recommendations.errors import ExperimentConflict
from recommendations.models import ExperimentLook
from recommendations.serving.experiments.running import Kind
from tenants.models import Experiment, ExperimentState
from tenants.routing.connections import casino_atomic

from .coins import count_coins, has_metric_looks
from .guard_report import broken_guards, guards_of
from .guarding import evaluate_guards
from .lifecycle import GUARD, stop_experiment
from .run import Run, run_of
from .stored_looks import last_looked_at, measured_rows, try_lock_looks

logger = logging.getLogger(__name__)

EVERY = timedelta(hours=1)
_EARLY = timedelta(minutes=5)  # rounds of several processes begin at different times
_FINAL = timedelta(days=1)  # time for the last look after an experiment's end


def experiments_to_look_at(now: datetime) -> QuerySet[Experiment]:
    """The experiments of all casinos that run, or ended within a day."""
    return Experiment.objects.live(now - _FINAL).filter(starts_at__lte=now).order_by("pk")


def is_due(experiment: Experiment, now: datetime) -> bool:
    """Whether the latest look at the current casino's experiment is an hour old, or was before the experiment's end."""
    last = last_looked_at(experiment)
    if last is None:
        return True
    if experiment.stops_at is not None and experiment.stops_at <= now:
        return last < experiment.stops_at
    return last < now - EVERY + _EARLY


def take_look(experiment: Experiment, now: datetime) -> bool:
    """Look at the current casino's experiment in one transaction. Earlier transactions count the coins of each past day
    that is not counted yet, so that the next look continues after an interrupted one. Returns False if another process
    holds the lock, or has looked later. Raises ExperimentConflict before the experiment has begun."""
    run = run_of(experiment, now)
    while True:
        with casino_atomic():
            if not try_lock_looks(experiment):
                return False
            last = last_looked_at(experiment)
            if last is not None and last >= run.at:
                return False
            coins = count_coins(run) if run.definition.kind is Kind.INTERLEAVE else None
            if coins is None or coins.looked_at == run.at:
                ExperimentLook.objects.bulk_create([*_rows(run, experiment), *([] if coins is None else [coins])])
                return True
            coins.save()


def find_broken(experiment: Experiment, now: datetime) -> str:
    """The sentences of the broken guards because of which the current casino's experiment must be stopped, by its
    stored looks; empty if it may continue."""
    run = run_of(experiment, now)
    if run.state is not ExperimentState.RUNNING or run.definition.kind is not Kind.AB:
        return ""
    broken = broken_guards(guards_of(run, experiment))
    words = "; ".join(f"{variant}: {sentence}" for variant, sentence in broken.items())
    if words and not run.definition.auto_stop:
        logger.warning("%s broke a guard and continues, since its auto_stop is off: %s", experiment, words)
        return ""
    return words


def stop_by_guard(experiment: Experiment, words: str, now: datetime) -> bool:
    """Stop an experiment, in the catalogue. Returns False if it is stopped already."""
    try:
        stop_experiment(casino=experiment.casino, name=experiment.name, by=GUARD, now=now)
    except ExperimentConflict:
        return False
    logger.warning("%s was stopped by a guard: %s", experiment, words)
    return True


def _rows(run: Run, experiment: Experiment) -> Iterator[ExperimentLook]:
    yield from measured_rows(run, is_first=not has_metric_looks(experiment))
    yield from evaluate_guards(run)
