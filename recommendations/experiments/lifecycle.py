"""Creating, starting, growing and stopping a casino's experiments, in the catalogue.

The experiment and the copy that requests read are written in one transaction, under the lock of the casino's row. Every
process uses them once the request is answered, or a command's call returns.
"""

import logging
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction

from recommendations.errors import CasinoNotConfigured, ExperimentConflict, ExperimentNotFound, InvalidExperiment
from recommendations.serving.experiments.running import Kind, StoredExperiment, store_running
from tenants.models import Casino, Experiment, ExperimentState
from tenants.ttl_cache import answer_once_caches_expire

from .definition import Definition, definition_as_json, load_definition, parse_definition, parts_of
from .ranges import Ranges, allocate, size_of

logger = logging.getLogger(__name__)

GUARD = "guard"  # the `stopped_by` of an experiment with a broken guard
MAX_EXPERIMENTS = 1_000  # of a casino, including stopped ones
MAX_LIVE = 20  # each request reads them with its casino's row


def create_experiment(*, casino: Casino, definition: object, by: str, now: datetime) -> Experiment:
    """Store a draft, which replaces a draft of the same name. Raises InvalidExperiment, ExperimentConflict."""
    with _locked(casino) as locked:
        parsed = parse_definition(definition, locked.options)
        _require_free_name(locked, parsed.name, now)
        values = {
            "definition": definition_as_json(parsed),
            "salt": secrets.token_hex(16),
            "created_at": now,
            "created_by": by,
        }
        return Experiment.objects.update_or_create(casino=locked, name=parsed.name, defaults=values)[0]


def list_experiments(casino: Casino) -> list[Experiment]:
    """The casino's experiments, the latest first."""
    return list(Experiment.objects.filter(casino=casino).order_by("-created_at", "-id"))


def find_experiment(casino: Casino, name: str) -> Experiment:
    """The casino's experiment of this name. Raises ExperimentNotFound."""
    found = Experiment.objects.filter(casino=casino, name=name).first()
    if found is None:
        raise ExperimentNotFound(f"{casino} has no experiment named {name[:40]}")
    return found


def start_experiment(*, casino: Casino, name: str, by: str, now: datetime) -> Experiment:
    """Start a draft, now or at its `starts_at`. Raises ExperimentNotFound, ExperimentConflict, InvalidExperiment,
    CasinoNotConfigured."""
    with _locked(casino) as locked:
        experiment = _require(find_experiment(locked, name), now, ExperimentState.DRAFT, problem="was started before")
        if not locked.is_configured:
            raise CasinoNotConfigured("Casino is not configured. Please set up the casino first.")
        definition = parse_definition(experiment.definition, locked.options)  # the options may have changed
        experiment.ranges = _find_room(locked, definition, now)
        experiment.starts_at = max(now, definition.starts_at or now)
        experiment.stops_at = definition.stops_at
        experiment.started_by = by
        return _saved(locked, experiment, now, by, "started")


def grow_experiment(*, casino: Casino, name: str, traffic: float, by: str, now: datetime) -> Experiment:
    """Let more users take part; users who take part keep their variant. Raises ExperimentNotFound,
    ExperimentConflict, InvalidExperiment."""
    with _locked(casino) as locked:
        live = (ExperimentState.SCHEDULED, ExperimentState.RUNNING)
        experiment = _require(find_experiment(locked, name), now, *live, problem="is not running")
        definition = parse_definition({**experiment.definition, "traffic": traffic}, locked.options)
        more = parts_of(definition.traffic) - size_of(experiment.ranges)
        if more < 0:
            before = load_definition(experiment.definition).traffic
            raise ExperimentConflict(f"The traffic of {experiment} is {before}: it may only grow, not to {traffic}")
        added = allocate(more, _taken(locked, now), from_the_top=definition.kind is Kind.HOLDOUT)
        experiment.ranges = [*experiment.ranges, *added]
        experiment.definition = definition_as_json(definition)
        return _saved(locked, experiment, now, by, f"grown to {traffic}")


def stop_experiment(*, casino: Casino, name: str, by: str, now: datetime) -> Experiment:
    """Stop an experiment: its users get the casino's own configuration. Raises ExperimentNotFound,
    ExperimentConflict."""
    with _locked(casino) as locked:
        live = (ExperimentState.SCHEDULED, ExperimentState.RUNNING)
        experiment = _require(find_experiment(locked, name), now, *live, problem="is not running")
        if experiment.stopped_by:  # by another process, at a time later than this `now`
            raise ExperimentConflict(f"{experiment} is not running: {experiment.stopped_by} has just stopped it")
        if experiment.starts_at is not None:  # both times of a scheduled experiment become `now`
            experiment.starts_at = min(experiment.starts_at, now)
        experiment.stops_at = now
        experiment.stopped_by = by
        return _saved(locked, experiment, now, by, "stopped")


def find_conflict(casino: Casino, definition: Definition, now: datetime) -> str:
    """The reason why an experiment with this valid definition can't be created and started at `now`; empty if it
    can."""
    try:
        _require_free_name(casino, definition.name, now)
        _find_room(casino, definition, now)
        _require_few_live(casino, Experiment.objects.filter(casino=casino).live(now).count() + 1)
    except (ExperimentConflict, InvalidExperiment) as error:
        return str(error)
    return ""


@contextmanager
def _locked(casino: Casino) -> Iterator[Casino]:
    """Lock the casino's row, so that concurrent changes are made one after the other."""
    with transaction.atomic():
        yield Casino.objects.select_for_update().get(pk=casino.pk)


def _require(experiment: Experiment, now: datetime, *states: ExperimentState, problem: str) -> Experiment:
    state = experiment.state_at(now)
    if state not in states:
        raise ExperimentConflict(f"{experiment} {problem}: its state is {state}")
    return experiment


def _require_free_name(casino: Casino, name: str, now: datetime) -> None:
    existing = Experiment.objects.filter(casino=casino, name=name).first()
    if existing is not None and existing.state_at(now) is not ExperimentState.DRAFT:
        raise ExperimentConflict(f"{existing} is {existing.state_at(now)} and can't be changed: use another name")
    if existing is None and Experiment.objects.filter(casino=casino).count() >= MAX_EXPERIMENTS:
        raise ExperimentConflict(f"{casino} has {MAX_EXPERIMENTS} experiments, the maximum: use the name of a draft")


def _require_few_live(casino: Casino, number: int) -> None:
    if number > MAX_LIVE:
        raise ExperimentConflict(f"{casino} has {MAX_LIVE} running and scheduled experiments: stop one first")


def _find_room(casino: Casino, definition: Definition, now: datetime) -> Ranges:
    """The ranges of users for an experiment that is started at `now`. Raises ExperimentConflict if other experiments
    have too many users, InvalidExperiment if `stops_at` is in the past."""
    if definition.stops_at is not None and definition.stops_at <= now:
        stops_at = definition.stops_at.isoformat()
        raise InvalidExperiment(f"experiment: stops_at is in the past ({stops_at}): use a later time")
    return allocate(parts_of(definition.traffic), _taken(casino, now), from_the_top=definition.kind is Kind.HOLDOUT)


def _taken(casino: Casino, now: datetime) -> list[tuple[int, int]]:
    live = Experiment.objects.filter(casino=casino).live(now)
    return [(begin, end) for each in live for begin, end in each.ranges]


def _saved(casino: Casino, experiment: Experiment, now: datetime, by: str, change: str) -> Experiment:
    experiment.save()
    live = list(Experiment.objects.filter(casino=casino).live(now).order_by("name"))
    _require_few_live(casino, len(live))
    before = {str(each["name"]): each for each in casino.running_experiments or ()}
    casino.running_experiments = store_running(_copy_for_requests(each, before) for each in live)
    casino.save(update_fields=["running_experiments"])
    answer_once_caches_expire()
    logger.info("%s %s by %s", experiment, change, by)
    return experiment


def _copy_for_requests(experiment: Experiment, before: Mapping[str, Any]) -> Any:
    """The experiment's copy for requests; its previous copy if this release can't load the definition, so that the
    casino's other experiments can still be stopped."""
    try:
        return _as_stored(experiment)
    except msgspec.ValidationError:
        if experiment.name not in before:
            raise
        logger.warning("%s can't be loaded by this release; requests use its previous copy", experiment)
        return before[experiment.name]


def _as_stored(experiment: Experiment) -> StoredExperiment:
    definition: Definition = load_definition(experiment.definition)
    if experiment.starts_at is None:
        raise ExperimentConflict(f"{experiment} was not started")
    ranges: Sequence[tuple[int, int]] = [(begin, end) for begin, end in experiment.ranges]
    return StoredExperiment(
        name=experiment.name,
        kind=definition.kind,
        salt=experiment.salt,
        ranges=tuple(ranges),
        variants=definition.stored_variants(),
        starts_at=experiment.starts_at,
        stops_at=experiment.stops_at,
        placement=definition.placement,
        metric=definition.metric,
        explore=definition.explore,
    )
