"""The last evaluation, as a casino's page shows it.

Of the report only what is shown is read: the classes that write it come with all that learns.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from recommendations.models import Evaluation


class Measured(msgspec.Struct, frozen=True):
    """A mean, and between what it lies with a probability of 95 %."""

    mean: float
    low: float
    high: float


class _Figures(msgspec.Struct):
    recommender: str
    metrics: dict[str, Measured]


class _Slice(msgspec.Struct):
    figures: list[_Figures]


class _Advice(msgspec.Struct):
    recommender: str
    sentence: str


class _Learning(msgspec.Struct):
    words: str


class _Report(msgspec.Struct):
    main_metric: str
    cases: int
    slices: list[_Slice]
    advice: _Advice
    learning: _Learning | None = None


@dataclass(frozen=True, slots=True)
class LastEvaluation:
    """`figures`: (recommender, the main metric), the best first; `advised` is the recommender to use."""

    at: datetime
    metric: str
    cases: int
    advice: str
    advised: str
    learnt: str
    figures: list[tuple[str, Measured]]


def last_evaluation() -> LastEvaluation | None:
    """Of the current casino; None if it was never evaluated."""
    latest = Evaluation.objects.order_by("-evaluated_at", "-pk").first()
    return None if latest is None else _shown(latest.evaluated_at, msgspec.convert(latest.report, _Report))


def _shown(at: datetime, report: _Report) -> LastEvaluation:
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
