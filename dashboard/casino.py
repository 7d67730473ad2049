"""What a casino's page shows, read from its database by a fixed number of queries."""

from dataclasses import dataclass
from datetime import datetime

from ingestion.models import MessageCount
from ingestion.status import statistics as messages
from recommendations import statistics

from .charts import Plot, latency_plot, plot
from .evaluation import LastEvaluation, last_evaluation

HOURS = 48
DAYS = 7
SHOWN = 8
_PLOTS = (("ingested", "Messages stored"), ("rejected", "Messages rejected"), ("served", "Recommendations served"))


@dataclass(frozen=True, slots=True)
class CasinoFigures:
    glance: statistics.Glance
    today: messages.Today
    plots: list[Plot]
    top_leagues: list[statistics.TopValue]
    top_teams: list[statistics.TopValue]
    quality: list[messages.TopicQuality]
    rejections: list[MessageCount]
    waiting: int
    evaluation: LastEvaluation | None


def casino_figures(now: datetime) -> CasinoFigures:
    """Of the current casino."""
    hours = messages.by_hour(now, HOURS)
    return CasinoFigures(
        glance=statistics.glance(now),
        today=messages.today(now),
        plots=[
            *(plot(key, title, [(each.hour, getattr(each, key)) for each in hours]) for key, title in _PLOTS),
            latency_plot("latency", "Time to recommend", statistics.latencies(now, HOURS)),
        ],
        top_leagues=statistics.top_values("league", now=now, limit=SHOWN),
        top_teams=statistics.top_values("home_team", "away_team", now=now, limit=SHOWN),
        quality=messages.quality(now, DAYS),
        rejections=messages.latest_rejections(now, days=DAYS, limit=SHOWN),
        waiting=messages.waiting_coupons(),
        evaluation=last_evaluation(),
    )
