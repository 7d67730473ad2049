"""Rendering a report as text for a terminal."""

from collections.abc import Sequence

from tenants.management.cli.verbs import columns

from .html import OUTCOME_METRICS, SLIP_METRICS, interval_text, outcome_rows, slip_rows
from .report import OutcomeReport, Report, Slice


def as_text(report: Report) -> str:
    """Totals, metrics over all cases, the main metric by slice, slips, the fitted model, and last the advice."""
    left_out = f", {report.left_out} selections of unknown events ignored" if report.left_out else ""
    parts = [
        f"{report.source}: {report.coupons:,} coupons, {report.events:,} events{left_out}; {report.cases:,} cases of "
        f"users with earlier coupons, {report.candidates:.0f} candidates on average. In brackets: 95 % confidence "
        "intervals.",
        _all(report),
        _by_slice(report),
        _slips(report),
    ]
    if report.outcomes is not None:
        parts.append(_outcomes(report.outcomes))
    if report.learning is not None:
        learning = report.learning
        parts.append(f"{learning.explanation} Model: {learning.kind}, fitted to {learning.cases:,} cases.")
    return "\n\n".join(part for part in [*parts, report.advice.sentence] if part)


def _all(report: Report) -> str:
    all_cases, main = report.slices[0], report.main_metric
    if not all_cases.results:
        return "No test cases."
    metrics = [*all_cases.results[0].metrics]
    rows = [["recommender", *(metric.upper() for metric in metrics), f"{main.upper()} - {report.baseline}"]]
    for each in all_cases.results:
        cells = [interval_text(each.metrics[metric]) for metric in metrics]
        rows.append([each.recommender, *cells, interval_text(each.difference[main], sign="+")])
    return columns(rows)


def _by_slice(report: Report) -> str:
    slices: Sequence[Slice] = [each for each in report.slices[1:] if each.cases]
    if not slices:
        return ""
    rows = [[report.main_metric.upper(), *(f"{each.name} ({each.cases:,})" for each in slices)]]
    for number, result in enumerate(slices[0].results):
        cells = [interval_text(each.results[number].metrics[report.main_metric]) for each in slices]
        rows.append([result.recommender, *cells])
    return columns(rows)


def _outcomes(outcomes: OutcomeReport) -> str:
    tables = [f"Choice of the outcome; bets on outcomes without an earlier price, left out: {outcomes.unknown:,}"]
    for each in outcomes.slices:
        if each.cases:
            title = f"{each.name} ({each.cases:,}; {each.candidates:.1f} outcomes)"
            tables.append(columns([[title, *OUTCOME_METRICS], *outcome_rows(each)]))
    return "\n\n".join(tables)


def _slips(report: Report) -> str:
    return columns([["slips", *SLIP_METRICS], *slip_rows(report)])
