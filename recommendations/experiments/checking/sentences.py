"""The result of a check as sentences."""

from collections.abc import Iterator

from recommendations.experiments.statistics.verdict import WORDS_OF_METRIC, percent
from recommendations.serving.experiments.running import Kind, Metric

from .check import ExperimentCheck
from .rerandomised import FalseAlarms

_SHOWN_METRICS = (Metric.INFLUENCE, Metric.ATTRIBUTED_DAYS)


def sentences_of(check: ExperimentCheck) -> Iterator[str]:
    yield f"{check.name} is valid: {check.kind}, {check.planned_days} days."
    yield (
        f"{check.eligible:,} of {check.users:,} users may take part; with a traffic of {check.traffic:.4g}, about "
        f"{check.eligible * check.traffic:,.0f} do."
    )
    if check.conflict:
        yield f"It can't be started now: {check.conflict}."
    if check.kind == Kind.INTERLEAVE:
        yield (
            "Past days have no slips of both lists, so the detectable difference of an interleaving is unknown. It "
            "takes a quarter of the users of an A/B test, or fewer."
        )
        return
    if check.metric in _SHOWN_METRICS:
        yield (
            "Past days have bets on shown events, and none on events that only another variant would show: the "
            f"experiment will have a higher {check.metric}."
        )
    if check.problem:
        yield check.problem
    for each in check.detectable:
        size = "no difference" if each.uplift is None else f"a difference of {percent(each.uplift)} or more"
        yield (
            f"`{each.variant}`: by day {check.planned_days}, {size} in {WORDS_OF_METRIC[check.metric]} is found in "
            "four of five experiments."
        )
    if check.false_alarms is not None:
        yield from _false_alarm_sentences(check.false_alarms, check.past_days)


def _false_alarm_sentences(found: FalseAlarms, days: int) -> Iterator[str]:
    yield (
        f"Of {found.experiments} experiments without a difference on the last {days} days, {found.found} found one: "
        f"{percent(found.share)} (95 % confidence interval: {percent(found.low)} to {percent(found.high)}). It "
        f"should be at most {percent(found.limit)}."
    )
    if found.are_too_many:
        yield (
            "That is significantly more: don't start it. A few users may have most of the metric: use bet_days, or "
            "more traffic."
        )
