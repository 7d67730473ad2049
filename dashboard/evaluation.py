"""The last evaluation, as a casino's page shows it."""

from dataclasses import dataclass
from datetime import datetime

from recommendations.evaluation.bootstrap import Interval
from recommendations.evaluation.report import Report
from recommendations.evaluation.store import last_report


@dataclass(frozen=True, slots=True)
class LastEvaluation:
    """`figures`: (recommender, the main metric), the best first; `advised` is the recommender to use."""

    at: datetime
    metric: str
    cases: int
    advice: str
    advised: str
    learnt: str
    figures: list[tuple[str, Interval]]


def last_evaluation() -> LastEvaluation | None:
    """Of the current casino; None if it was never evaluated."""
    latest = last_report()
    return None if latest is None else _shown(*latest)


def _shown(at: datetime, report: Report) -> LastEvaluation:
    of_all = report.slices[0].figures if report.slices else []
    figures = [(each.recommender, each.metrics[report.main_metric]) for each in of_all]
    return LastEvaluation(
        at=at,
        metric=report.main_metric,
        cases=report.cases,
        advice=report.advice.sentence,
        advised=report.advice.recommender,
        learnt=report.learning.words if report.learning is not None else "",
        figures=sorted(figures, key=lambda each: (-each[1].mean, each[0])),
    )
