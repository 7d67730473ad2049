"""`/casinos/<id>/experiments/`: a casino's experiments, and their results so far."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.access import EXPERIMENTS
from dashboard.casino_reader import STATEMENT_SECONDS, Unavailable, read
from dashboard.day_charts import DayChart, difference_by_day, evidence_by_day
from recommendations.errors import ExperimentNotFound
from recommendations.experiments.comparison import Watched
from recommendations.experiments.definition import Definition, Guard, load_definition
from recommendations.experiments.guarding import LIMITS, enabled_guards
from recommendations.experiments.lifecycle import find_experiment, list_experiments
from recommendations.experiments.report import ExperimentReport, VariantReport, report_on
from recommendations.experiments.statistics.verdict import WORDS_OF_METRIC
from recommendations.serving.experiments.running import Kind
from tenants.models import Casino, Experiment, ExperimentState

from .base import open_casino, render_page

LISTED = 50
_STARTED_STATES = (ExperimentState.RUNNING, ExperimentState.STOPPED)
_GUARDS = {
    Guard.STAKES: "stakes per user",
    Guard.BET_DAYS: "days with a bet",
    Guard.EMPTY: "empty responses",
    Guard.REFUSED: "refusals",
    Guard.LATENCY: "latency",
}
_POINTS = tuple(guard for guard, limit in LIMITS.items() if isinstance(limit.measure, Watched))  # of shares


@dataclass(frozen=True, slots=True)
class Row:
    """An experiment in the list. `report`: None before it has begun, if the page's time is over, and if the casino's
    database can't be read; then `problem` is the reason."""

    experiment: Experiment
    state: ExperimentState
    report: ExperimentReport | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Arm:
    """A variant. `share`: of the participating users. `users`: number of users who have entered it; None in an
    interleaving. `result`: None for the control."""

    name: str
    recommender: str
    share: float
    users: int | None
    result: VariantReport | None


@require_safe
@permission_required(EXPERIMENTS, raise_exception=True)
def experiments_page(request: HttpRequest, casino_id: int) -> TemplateResponse:
    casino, now = open_casino(request, casino_id), timezone.now()
    rows = _rows(casino, list_experiments(casino)[:LISTED], now)
    context = {"casino": casino, "rows": rows, "listed": LISTED, "is_full": len(rows) == LISTED}
    return render_page(request, "experiments", f"Experiments: {casino.name}", context)


@require_safe
@permission_required(EXPERIMENTS, raise_exception=True)
def experiment_page(request: HttpRequest, casino_id: int, name: str) -> TemplateResponse:
    casino, now = open_casino(request, casino_id), timezone.now()
    try:
        experiment = find_experiment(casino, name)
    except ExperimentNotFound as error:
        raise Http404(str(error)) from error
    definition, state = load_definition(experiment.definition), experiment.state_at(now)
    found = _report(casino, experiment, now) if state in _STARTED_STATES else None
    report = None if isinstance(found, Unavailable) else found
    context: dict[str, Any] = {
        "casino": casino,
        "experiment": experiment,
        "definition": definition,
        "state": state,
        "metric": WORDS_OF_METRIC[definition.metric],
        "guards": [words for guard, words in _GUARDS.items() if guard in enabled_guards(definition)],
        "planned_end": experiment.starts_at and experiment.starts_at + timedelta(days=definition.planned_days),
        "unavailable": found if isinstance(found, Unavailable) else None,
        "report": report,
        "points": _POINTS,
        "arms": _arms(definition, report),
        "charts": _charts(definition, report) if report else [],
    }
    return render_page(request, "experiment", f"{name}: {casino.name}", context)


def _rows(casino: Casino, experiments: list[Experiment], now: datetime) -> list[Row]:
    """The rows, the latest experiments first, with reports while the page's time lasts."""
    ends, rows, problem = monotonic() + STATEMENT_SECONDS, [], ""
    for each in experiments:
        state, found = each.state_at(now), None
        if state in _STARTED_STATES and not problem and monotonic() < ends:
            found = _report(casino, each, now)
        if isinstance(found, Unavailable):
            problem, found = _lasting_problem(found), None
        rows.append(Row(each, state, found, problem))
    return rows


def _report(casino: Casino, experiment: Experiment, now: datetime) -> ExperimentReport | Unavailable:
    return read(casino, lambda: report_on(experiment, now))


def _lasting_problem(found: Unavailable) -> str:
    """The reason why no experiment can be read; empty if only the statement timeout ended the query."""
    return "" if found.is_outage and not found.is_unreachable else found.reason


def _arms(definition: Definition, report: ExperimentReport | None) -> list[Arm]:
    results = {each.variant: each for each in report.variants} if report else {}
    users = report.users if report else {}
    return [
        Arm(each.name, each.recommender_type or "", each.share, users.get(each.name), results.get(each.name))
        for each in definition.variants
    ]


def _charts(definition: Definition, report: ExperimentReport) -> list[DayChart]:
    control, charts = definition.variants[0].name, []
    title = "Preference" if definition.kind is Kind.INTERLEAVE else "Difference"
    for number, each in enumerate(each for each in report.variants if each.looks):
        names = f"{each.variant} against {control}"
        charts += [
            difference_by_day(f"interval-{number}", f"{title}: {names}", each.looks),
            evidence_by_day(f"evidence-{number}", f"Evidence: {names}", each.looks),
        ]
    return charts
