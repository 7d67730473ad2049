"""A report as text for a terminal."""

from collections.abc import Sequence

from tenants.management.cli.verbs import columns

from .html import interval_text
from .report import Report, Slice


def as_text(report: Report) -> str:
    """Facts, a table of all cases, one a slice of the main metric, slips, what was learnt; the advice comes last."""
    left_out = f", {report.left_out} selections of unknown events left out" if report.left_out else ""
    parts = [
        f"{report.source}: {report.coupons:,} coupons, {report.events:,} events{left_out}; {report.cases:,} cases "
        f"of users known before, {report.candidates:.0f} open events on average.",
        _all(report),
        _by_slice(report),
        _slips(report),
    ]
    if report.learning is not None:
        parts.append(f"{report.learning.words} Model: {report.learning.kind}, of {report.learning.cases:,} cases.")
    return "\n\n".join(part for part in [*parts, report.advice.sentence] if part)


def _all(report: Report) -> str:
    everything, main = report.slices[0], report.main_metric
    if not everything.figures:
        return "There is no case to test."
    metrics = [*everything.figures[0].metrics]
    rows = [["recommender", *(metric.upper() for metric in metrics), f"{main.upper()} - {report.baseline}"]]
    for each in everything.figures:
        cells = [interval_text(each.metrics[metric]) for metric in metrics]
        rows.append([each.recommender, *cells, interval_text(each.difference[main], sign="+")])
    return columns(rows)


def _by_slice(report: Report) -> str:
    slices: Sequence[Slice] = [each for each in report.slices[1:] if each.cases]
    if not slices:
        return ""
    rows = [[report.main_metric.upper(), *(f"{each.name} ({each.cases:,})" for each in slices)]]
    for number, figures in enumerate(slices[0].figures):
        cells = [interval_text(each.figures[number].metrics[report.main_metric]) for each in slices]
        rows.append([figures.recommender, *cells])
    return columns(rows)


def _slips(report: Report) -> str:
    rows = [["slips", "coverage", "diversity", "invalid"]]
    rows += [[e.recommender, f"{e.coverage:.1%}", f"{e.diversity:.3f}", f"{e.invalid:.1%}"] for e in report.slips]
    return columns(rows)
