"""Rendering a report as one self-contained HTML page."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from .bootstrap import Interval
from .report import OutcomeReport, OutcomeSlice, Report, Slice
from .svg_charts import IntervalBar, interval_chart, line_chart

_STYLE = """
:root { color-scheme: light; } body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
color: #1a1a1a; background: #fff; } table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
td, th { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; } td:first-child,
th:first-child { text-align: left; } .advice { border-left: 4px solid #1b6ca8; padding: .5rem 1rem; background: #f2f7fb; }
svg { max-width: 100%; height: auto; margin: 1rem 0; } svg text { font: 12px system-ui, sans-serif; fill: #333; }
svg .title { font-weight: 600; font-size: 13px; } svg .label { text-anchor: end; } svg .tick { text-anchor: middle;
font-size: 10px; } .chart-grid { stroke: #ddd; } .chart-interval { stroke: #111; stroke-width: 1.5; } small { color: #555; }
"""  # noqa: E501 (compact CSS)

OUTCOME_METRICS = ("HIT@1", "LOG LOSS", "NDCG")
SLIP_METRICS = ("coverage", "diversity", "invalid", "slips shown", "confidence", "bet on", "calibration error")


def as_html(report: Report) -> str:
    all_cases = report.slices[0]
    body = [
        f"<h1>Evaluation</h1><p>{escape(report.source)}</p>",
        f'<p class="advice">{escape(report.advice.sentence)}</p>',
        _facts(report),
        _bars(report, all_cases),
        _table_of(report, all_cases),
        _over_time(report),
        "<h2>Slips</h2>",
        _slips(report),
        "<h2>By slice</h2>",
        *(_bars(report, each) for each in report.slices[1:] if each.cases),
        _outcomes(report.outcomes),
        _learning(report),
    ]
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>Evaluation</title><style>{_STYLE}</style>"
    return f"{head}<body>{''.join(body)}</body></html>\n"


def _facts(report: Report) -> str:
    since = datetime.fromtimestamp(report.tested_from, UTC)
    left_out = f" {report.left_out} selections of unknown events were ignored." if report.left_out else ""
    return (
        f"<p>{report.coupons:,} coupons, {report.events:,} events; tested from {since:%Y-%m-%d} on: {report.cases:,} "
        f"cases of users with earlier coupons, {report.candidates:.0f} candidates on average.{left_out} "
        "<small>Lines and brackets: 95 % confidence intervals (bootstrap over users).</small></p>"
    )


def _bars(report: Report, cases: Slice) -> str:
    means = ((each.recommender, each.metrics[report.main_metric]) for each in cases.results)
    rows = [IntervalBar(name, metric.mean, metric.low, metric.high) for name, metric in means]
    return interval_chart(f"{report.main_metric.upper()}, {cases.name} ({cases.cases:,} cases)", rows)


def _table_of(report: Report, cases: Slice) -> str:
    metrics = [*cases.results[0].metrics] if cases.results else []
    heads = [
        "recommender",
        *(metric.upper() for metric in metrics),
        f"{report.main_metric.upper()} - {report.baseline}",
    ]
    rows = [
        [each.recommender, *(interval_text(each.metrics[metric]) for metric in metrics),
         interval_text(each.difference[report.main_metric], sign="+")]
        for each in cases.results
    ]  # fmt: skip
    return _table(heads, rows)


def _over_time(report: Report) -> str:
    if not report.periods:
        return ""
    labels = [f"{datetime.fromtimestamp(each.since, UTC):%Y-%m-%d}" for each in report.periods]
    series = {name: [each.means[name] for each in report.periods] for name in report.periods[0].means}
    return line_chart(f"{report.main_metric.upper()} over time", labels, series)


def _slips(report: Report) -> str:
    return _table(["recommender", *SLIP_METRICS], slip_rows(report))


def slip_rows(report: Report) -> list[list[str]]:
    """A row of cells for each recommender, under `SLIP_METRICS`."""
    return [
        [
            *(each.recommender, f"{each.coverage:.1%}", f"{each.diversity:.3f}", f"{each.invalid:.1%}"),
            f"{each.shown:,}",
            *(f"{number:.3f}" if each.shown else "" for number in (each.confidence, each.held, each.calibration_error)),
        ]
        for each in report.slips
    ]


def _outcomes(outcomes: OutcomeReport | None) -> str:
    if outcomes is None:
        return ""
    tables = [
        f"<h3>{escape(each.name)} ({each.cases:,}; {each.candidates:.1f} outcomes on average)</h3>"
        + _table(["choice", *OUTCOME_METRICS], outcome_rows(each))
        for each in outcomes.slices
        if each.cases
    ]
    left_out = f"<p>Bets on outcomes without an earlier price, left out: {outcomes.unknown:,}.</p>"
    return f"<h2>Choice of the outcome</h2>{left_out}{''.join(tables)}"


def outcome_rows(outcomes: OutcomeSlice) -> list[list[str]]:
    """A row of cells for each choice, under `OUTCOME_METRICS`."""
    return [
        [each.choice, *(interval_text(metric) for metric in (each.hit, each.log_loss, each.ndcg))]
        for each in outcomes.results
    ]


def _learning(report: Report) -> str:
    if report.learning is None:
        return ""
    learning = report.learning
    scores = ", ".join(f"{kind} {score:.3f}" for kind, score in learning.scores.items())
    weights = sorted(learning.weights.items(), key=lambda each: -abs(each[1]))
    rows = [[name, f"{weight:+.3f}"] for name, weight in weights if round(weight, 3)]
    compared = f" NDCG@10 on held-out cases: {escape(scores)}." if scores else ""
    return (
        f"<h2>The model of hybrid</h2><p>{escape(learning.explanation)} Model: {escape(learning.kind)}, fitted to "
        f"{learning.cases:,} cases.{compared}</p>{_table(['feature', 'weight'], rows)}"
    )


def interval_text(interval: Interval, sign: str = "") -> str:
    return f"{interval.mean:{sign}.3f} [{interval.low:{sign}.3f}, {interval.high:{sign}.3f}]"


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
