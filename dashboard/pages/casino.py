"""`/casinos/<id>/`: one casino's statistics, message quality, model of hybrid and last evaluation, by a fixed number of
queries."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.access import may_see_sales
from dashboard.casino_reader import Unavailable, read
from dashboard.charts import HourlyChart, count_chart, latency_chart
from ingestion.models import MessageCount
from ingestion.status import statistics as messages
from recommendations.attribution.trend import Trend, read_trend
from recommendations.evaluation.bootstrap import Interval
from recommendations.evaluation.report import OutcomeSlice, Report
from recommendations.evaluation.store import last_report
from recommendations.fitted_models.served_hybrid import ServedHybrid, served_hybrid
from recommendations.tallies import statistics
from tenants.http.middleware import CHOSEN_CASINO

from .base import open_casino, render_page

_HOURS = 48
_DAYS = 7
_LIMIT = 8
_COUNTS = (("ingested", "Messages stored"), ("rejected", "Messages rejected"), ("served", "Recommendations served"))


@dataclass(frozen=True, slots=True)
class LastEvaluation:
    """`means`: (recommender, the main metric), the best first. `advised`: the recommender to use. `outcomes`: the
    choice among an event's outcomes, for all bets that name one; None without such bets."""

    at: datetime
    metric: str
    cases: int
    advice: str
    advised: str
    learnt: str
    means: list[tuple[str, Interval]]
    outcomes: OutcomeSlice | None


@dataclass(frozen=True, slots=True)
class CasinoStatistics:
    totals: statistics.Totals
    today: messages.DayStatistics
    charts: list[HourlyChart]
    top_leagues: list[statistics.TopValue]
    top_teams: list[statistics.TopValue]
    quality: list[messages.TopicQuality]
    rejections: list[MessageCount]
    waiting: int
    hybrid: ServedHybrid | None
    evaluation: LastEvaluation | None
    trend: Trend | None


@require_safe
def casino_page(request: HttpRequest, casino_id: int) -> TemplateResponse:
    casino = open_casino(request, casino_id)
    now = timezone.now()
    has_trend = may_see_sales(request)
    result = read(casino, lambda: _casino_statistics(now, has_trend=has_trend))
    is_unavailable = isinstance(result, Unavailable)
    context = {
        "casino": casino,
        "statistics": None if is_unavailable else result,
        "unavailable": result if is_unavailable else None,
        "days": _DAYS,
        "may_see_messages": request.user.has_perm("ingestion.view_deadletter"),
    }
    return render_page(request, "casino", casino.name, context)


@require_safe
def chosen_casino(request: HttpRequest) -> HttpResponse:
    """Redirect to the page of the casino that was chosen in a page's switcher."""
    chosen = request.session.get(CHOSEN_CASINO)
    return HttpResponseRedirect(reverse("start") if chosen is None else reverse("casino", args=[chosen]))


def _casino_statistics(now: datetime, *, has_trend: bool) -> CasinoStatistics:
    hours = messages.by_hour(now, _HOURS)
    return CasinoStatistics(
        totals=statistics.totals(now),
        today=messages.today(now),
        charts=[
            *(count_chart(key, title, [(each.hour, getattr(each, key)) for each in hours]) for key, title in _COUNTS),
            latency_chart("latency", "Recommendation latency", statistics.latencies(now, _HOURS)),
        ],
        top_leagues=statistics.top_values("league", now=now, limit=_LIMIT),
        top_teams=statistics.top_values("home_team", "away_team", now=now, limit=_LIMIT),
        quality=messages.quality(now, _DAYS),
        rejections=messages.latest_rejections(now, days=_DAYS, limit=_LIMIT),
        waiting=messages.waiting_coupons(),
        hybrid=served_hybrid(),
        evaluation=_last_evaluation(),
        trend=read_trend(now) if has_trend else None,
    )


def _last_evaluation() -> LastEvaluation | None:
    """The current casino's latest evaluation; None without one."""
    latest = last_report()
    return None if latest is None else _summary(*latest)


def _summary(at: datetime, report: Report) -> LastEvaluation:
    all_cases = report.slices[0].results if report.slices else []
    means = [(each.recommender, each.metrics[report.main_metric]) for each in all_cases]
    return LastEvaluation(
        at=at,
        metric=report.main_metric,
        cases=report.cases,
        advice=report.advice.sentence,
        advised=report.advice.recommender,
        learnt=report.learning.explanation if report.learning is not None else "",
        means=sorted(means, key=lambda each: (-each[1].mean, each[0])),
        outcomes=_outcomes(report),
    )


def _outcomes(report: Report) -> OutcomeSlice | None:
    found = [each for each in report.outcomes.slices if each.cases] if report.outcomes is not None else []
    return found[0] if found else None
