"""Statistics of a casino's messages, from their hourly counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Q, QuerySet, Sum

from ingestion.models import MessageCount
from ingestion.topics import RECOMMENDATIONS
from recommendations.models import WaitingCoupon
from recommendations.tallies.statistics import latest_hours

STORED = ("stored", "stored_in_part", "updated")

_IS_SERVED = Q(topic=RECOMMENDATIONS.name, outcome__in=STORED)
_IS_INGESTED = Q(outcome__in=STORED) & ~Q(topic=RECOMMENDATIONS.name)


@dataclass(frozen=True, slots=True)
class DayStatistics:
    """Since midnight (UTC): rejected messages, served recommendations, and the time of the last stored message."""

    rejected: int
    served: int
    last_stored: datetime | None


@dataclass(frozen=True, slots=True)
class HourStatistics:
    """Messages of one hour. A served recommendation counts when its message is stored, seconds later."""

    hour: datetime
    ingested: int = 0
    rejected: int = 0
    served: int = 0


@dataclass(frozen=True, slots=True)
class TopicQuality:
    """A topic's messages by (outcome, number), the most frequent first."""

    topic: str
    total: int
    rejected: int
    outcomes: tuple[tuple[str, int], ...]

    @property
    def rejected_share(self) -> float:
        return self.rejected / self.total if self.total else 0.0


def today(now: datetime) -> DayStatistics:
    sums = _counts_since(now.replace(hour=0, minute=0, second=0, microsecond=0)).aggregate(
        rejected=Sum("count", filter=Q(is_rejection=True), default=0),
        served=Sum("count", filter=_IS_SERVED, default=0),
        last_stored=Max("last_at", filter=Q(outcome__in=STORED)),
    )
    return DayStatistics(**sums)


def by_hour(now: datetime, hours: int) -> list[HourStatistics]:
    """The latest `hours` hours including this one, the oldest first; hours without messages included."""
    all_hours = latest_hours(now, hours)
    rows = (
        _counts_since(all_hours[0])
        .values("hour")
        .annotate(
            ingested=Sum("count", filter=_IS_INGESTED, default=0),
            rejected=Sum("count", filter=Q(is_rejection=True), default=0),
            served=Sum("count", filter=_IS_SERVED, default=0),
        )
    )
    found = {row["hour"]: HourStatistics(**row) for row in rows}
    return [found.get(hour, HourStatistics(hour)) for hour in all_hours]


def quality(now: datetime, days: int) -> list[TopicQuality]:
    """The quality of each topic with messages in the latest `days` days."""
    rows: Iterable[Any] = (
        _counts_since(now - timedelta(days=days))
        .values("topic", "outcome", "is_rejection")
        .annotate(total=Sum("count"))
        .order_by("topic", "-total", "outcome")
    )
    by_topic: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_topic.setdefault(row["topic"], []).append(row)
    return [
        TopicQuality(
            topic=topic,
            total=sum(row["total"] for row in outcomes),
            rejected=sum(row["total"] for row in outcomes if row["is_rejection"]),
            outcomes=tuple((row["outcome"], row["total"]) for row in outcomes),
        )
        for topic, outcomes in by_topic.items()
    ]


def latest_rejections(now: datetime, *, days: int, limit: int) -> list[MessageCount]:
    """The hourly counts of rejections, the newest first, each with the place and detail of its last message."""
    return list(_counts_since(now - timedelta(days=days)).filter(is_rejection=True).order_by("-last_at", "-pk")[:limit])


def waiting_coupons() -> int:
    """The number of coupons whose users have not arrived yet."""
    return WaitingCoupon.objects.count()


def _counts_since(first: datetime) -> QuerySet[MessageCount]:
    return MessageCount.objects.filter(hour__gte=first)
