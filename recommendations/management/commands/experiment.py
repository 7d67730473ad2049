"""`manage.py experiment <verb>`: a casino's experiments."""

from abc import ABC, abstractmethod
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from recommendations.errors import RecommendationError
from recommendations.experiments.checking.check import check_experiment
from recommendations.experiments.checking.sentences import sentences_of
from recommendations.experiments.description import describe_experiment
from recommendations.experiments.guard_report import GuardReport
from recommendations.experiments.lifecycle import (
    create_experiment,
    find_experiment,
    grow_experiment,
    list_experiments,
    start_experiment,
    stop_experiment,
)
from recommendations.experiments.looking import find_broken, stop_by_guard, take_look
from recommendations.experiments.policy_report import Policy, PolicyReport, parse_policy, report_on_policy
from recommendations.experiments.report import ExperimentReport, SecondReport, report_on
from recommendations.experiments.statistics.verdict import WORDS_OF_METRIC
from recommendations.validation import strict_json
from tenants.management.cli.arguments import operator_name, ready_casino
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbCommand, VerbResult, columns, registry
from tenants.models import Casino, Experiment
from tenants.numbers import as_decimal, as_id
from tenants.routing.context import use_casino

_ESTIMATES = ("ESTIMATOR", "BETS", "FROM", "TO")
_HEAD = ("NAME", "KIND", "STATE", "USERS", "STARTS", "STOPS", "CREATED BY")


class ExperimentVerb(Verb, ABC):
    """A verb for the experiments of one casino."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", type=as_id, required=True, metavar="ID", help="the casino's id")

    def run(self, terminal: Terminal, *args: Any, casino: int, **options: Any) -> VerbResult:
        try:
            return self.run_for(ready_casino(casino), timezone.now(), **options)
        except RecommendationError as error:
            raise CommandError(str(error)) from error

    @abstractmethod
    def run_for(self, casino: Casino, now: datetime, *args: Any, **options: Any) -> VerbResult:
        """Raises RecommendationError, CommandError."""


class NamedVerb(ExperimentVerb):
    """A verb for one experiment."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the experiment's name")
        super().add_arguments(parser)


class CreateExperiment(ExperimentVerb):
    name = "create"
    help = "Store a draft from a file with its definition as JSON; a draft of the same name is replaced."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="see docs/schemas/experiment.schema.json")
        super().add_arguments(parser)

    def run_for(self, casino: Casino, now: datetime, *args: Any, file: Path, **options: Any) -> VerbResult:
        created = create_experiment(casino=casino, definition=_read_json(file), by=operator_name(), now=now)
        return _shown(created, now, f"Start it with: manage.py experiment start {created.name} --casino {casino.pk}")


class CheckExperiment(ExperimentVerb):
    name = "check"
    help = (
        "Check an experiment before its start, on the casino's users and past days: eligible users, minimum "
        "detectable difference, and false positive rate. No traffic is needed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("target", metavar="NAME|FILE.json", help="a stored experiment, or a file with a definition")
        super().add_arguments(parser)

    def run_for(self, casino: Casino, now: datetime, *args: Any, target: str, **options: Any) -> VerbResult:
        is_file = target.endswith(".json")
        definition = _read_json(Path(target)) if is_file else find_experiment(casino, target).definition
        with use_casino(casino.current):
            found = check_experiment(casino, definition, now)
        return VerbResult("\n".join(sentences_of(found)), found)


class ListExperiments(ExperimentVerb):
    name = "list"
    help = "List a casino's experiments, the latest first."

    def run_for(self, casino: Casino, now: datetime, *args: Any, **options: Any) -> VerbResult:
        found = [describe_experiment(each, now) for each in list_experiments(casino)]
        return VerbResult(columns([_HEAD, *map(_row, found)]) if found else "No experiments found.", found)


class ShowExperiment(NamedVerb):
    name = "show"
    help = "Show an experiment."

    def run_for(self, casino: Casino, now: datetime, *args: Any, name: str, **options: Any) -> VerbResult:
        return _shown(find_experiment(casino, name), now)


class StartExperiment(NamedVerb):
    name = "start"
    help = "Start a draft, now or at its starts_at."

    def run_for(self, casino: Casino, now: datetime, *args: Any, name: str, **options: Any) -> VerbResult:
        return _shown(start_experiment(casino=casino, name=name, by=operator_name(), now=now), now)


class GrowExperiment(NamedVerb):
    name = "grow"
    help = "Let more users take part; users who take part already keep their variant."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--traffic", type=as_decimal, required=True, metavar="PART", help="0.5: half of the users")

    def run_for(
        self, casino: Casino, now: datetime, *args: Any, name: str, traffic: float, **options: Any
    ) -> VerbResult:
        grown = grow_experiment(casino=casino, name=name, traffic=traffic, by=operator_name(), now=now)
        return _shown(grown, now)


class StopExperiment(NamedVerb):
    name = "stop"
    help = "Stop an experiment, which can't be started again. Its users get the casino's own configuration."

    def run_for(self, casino: Casino, now: datetime, *args: Any, name: str, **options: Any) -> VerbResult:
        return _shown(stop_experiment(casino=casino, name=name, by=operator_name(), now=now), now)


class ReportExperiment(NamedVerb):
    name = "report"
    help = (
        "Show an experiment's results so far: users, and a verdict that is valid at any number of looks. With "
        "--policy, estimate the bets of another recommender from the answers of an experiment that explores."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--policy", metavar="RECOMMENDER|FILE", help="a recommender, or a file with a variant as JSON"
        )

    def run_for(
        self, casino: Casino, now: datetime, *args: Any, name: str, policy: str | None, **options: Any
    ) -> VerbResult:
        experiment = find_experiment(casino, name)
        with use_casino(casino.current):
            if policy is not None:
                estimated = report_on_policy(experiment, _parse(policy, casino), now)
                return VerbResult(text_of_policy(estimated), estimated)
            found = report_on(experiment, now)
        numbers = ", ".join(f"{each} {number:,}" for each, number in (found.users or found.credits).items())
        counted = "Users" if found.users else "Bets credited"
        lines = [f"{found.name}, {found.state}, day {found.days}, by {found.metric}. {counted}: {numbers}."]
        lines += _look_lines(found, casino)
        more = [*map(_second_line, found.second), *map(_guard_line, found.guards)]
        return VerbResult("\n".join([*lines, *(each.sentence for each in found.variants), *more]), found)


class LookAtExperiment(NamedVerb):
    name = "look"
    help = "Store a running experiment's current results, as the hourly task does; stop it if a guard is broken."

    def run_for(self, casino: Casino, now: datetime, *args: Any, name: str, **options: Any) -> VerbResult:
        experiment = find_experiment(casino, name)
        with use_casino(casino.current):
            is_taken = take_look(experiment, now)
            broken = find_broken(experiment, now)
        if broken and stop_by_guard(experiment, broken, now):
            return VerbResult(f"Looked at {experiment}, which was stopped by a guard: {broken}.", {"stopped": broken})
        text = (
            f"Looked at {experiment}."
            if is_taken
            else f"Not looked at {experiment}: another process has just looked, or the experiment is over."
        )
        return VerbResult(text, {"stopped": ""})


def _look_lines(found: ExperimentReport, casino: Casino) -> list[str]:
    if found.unlooked_since is None:
        return []
    since, look = (
        f"{found.unlooked_since:%Y-%m-%d %H:%M}",
        f"manage.py experiment look {found.name} --casino {casino.pk}",
    )
    if found.unlooked_since == found.looked_at:
        return [f"The latest look is of {since}, more than 3 hours ago. Look now, or each hour: {look}"]
    return [f"No look since the start at {since}, so no guard was evaluated. Look now, or each hour: {look}"]


def _second_line(found: SecondReport) -> str:
    words = f"Second metric, {WORDS_OF_METRIC[found.metric]}, of `{found.variant}`"
    if found.estimate is None or found.low is None or found.high is None:
        return f"{words}: too few bets yet."
    interval = f"95 % confidence interval: {found.low:+.1%} to {found.high:+.1%}"
    return f"{words}: {found.estimate:+.1%} ({interval}), without a verdict."


def _guard_line(found: GuardReport) -> str:
    since = f" since {found.broken_at:%Y-%m-%d %H:%M}" if found.broken_at else ""
    return f"Guard {found.guard} of `{found.variant}`: {found.state}{since}."


def _parse(policy: str, casino: Casino) -> Policy:
    return parse_policy(_read_json(Path(policy)) if policy.endswith(".json") else policy, casino)


def _read_json(file: Path) -> object:
    try:
        return strict_json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{file} is not valid JSON: {error}") from error
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}") from error


def text_of_policy(found: PolicyReport) -> str:
    """The report of a policy as text."""
    left_out = f", {found.left_out:,} left out" if found.left_out else ""
    lines = [f"{found.name}: {found.answers:,} answers with a logged draw{left_out}.", found.sentence]
    estimates = {
        "inverse propensity": found.ips,
        "self-normalised": found.self_normalised,
        "doubly robust": found.doubly_robust,
    }
    rows = [
        (name, *(f"{100 * number:.2f} %" for number in (each.value, each.low, each.high)))
        for name, each in estimates.items()
        if each is not None
    ]
    return "\n".join([*lines, *([columns([_ESTIMATES, *rows])] if rows else [])])


def _shown(experiment: Experiment, now: datetime, hint: str = "") -> VerbResult:
    found = describe_experiment(experiment, now)
    variants = ", ".join(f"{each['name']} {each['share']:.2%}" for each in found["definition"]["variants"])
    lines = [columns([_HEAD, _row(found)]), f"Variants: {variants}", hint]
    return VerbResult("\n".join(filter(None, lines)), found)


def _row(found: dict[str, Any]) -> tuple[object, ...]:
    times = (f"{each:%Y-%m-%d %H:%M}" if each else "-" for each in (found["starts_at"], found["stops_at"]))
    users = f"{found['enrolled_traffic']:.2%}"
    return found["name"], found["definition"]["kind"], found["state"], users, *times, found["created_by"]


class Command(VerbCommand):
    help = (
        "Create, check, start, grow, stop and report experiments. `manage.py experiment VERB --help` describes a verb."
    )
    verbs = registry(
        [
            CreateExperiment(),
            CheckExperiment(),
            ListExperiments(),
            ShowExperiment(),
            StartExperiment(),
            GrowExperiment(),
            StopExperiment(),
            ReportExperiment(),
            LookAtExperiment(),
        ]
    )
