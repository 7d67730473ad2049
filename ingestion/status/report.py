"""The status of ingestion: consumer lag by partition, and each casino's messages of the last hour."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from django.db import Error
from django.db.models import Sum

from ingestion.kafka.watermarks import watermarks
from ingestion.messages.lost import LOST
from ingestion.models import DeadLetter, MessageCount
from ingestion.storing.database_errors import first_line, sqlstate_of
from ingestion.topics import TOPICS
from recommendations.models import WaitingCoupon
from recommendations.prices.feed_status import read_feeds
from recommendations.serving.options import load_options
from tenants.models import Casino
from tenants.models.dead_letter import DeadLetterState, UnassignedDeadLetter
from tenants.routing.context import use_casino
from tenants.schema.version import require_up_to_date

from .parked import ParkedCount
from .statistics import STORED

_WINDOW = timedelta(hours=1)


class PartitionStatus(msgspec.Struct):
    """`read`: messages that the group has committed; `lag`: consumer lag."""

    topic: str
    partition: int
    read: int
    lag: int


class FeedReport(msgspec.Struct):
    """A producer of prices: `open`, `silent`, `down` or `closed_by_hand`. `silent_seconds`: the time since the last
    message of the partition that has been silent longest; None if the producer sends no heartbeats."""

    producer: str
    state: str
    silent_seconds: float | None
    partitions: dict[int, datetime]


class CasinoStatus(msgspec.Struct):
    """A casino's messages since the start of the previous hour: stored (or updated), rejected, and stored per minute.

    `waiting`: coupons whose users have not arrived yet. `dead`: open dead letters. `last_error`: the latest rejection,
    or the error of the unavailable database. `lost`: one sentence for each open dead letter about lost messages.
    `feeds`: the producers of prices of markets.
    """

    id: int
    name: str
    stored: int = 0
    rejected: int = 0
    a_minute: float = 0.0
    last_stored: datetime | None = None
    waiting: int = 0
    parked: int = 0
    dead: int = 0
    last_error: str = ""
    lost: list[str] = []
    feeds: list[FeedReport] = []


def partition_status() -> list[PartitionStatus]:
    """The status of each topic's partitions. Raises KafkaException."""
    found = []
    for topic in TOPICS.values():
        for number, (first, end, done) in sorted(watermarks(topic.full_name, topic.group).items()):
            found.append(PartitionStatus(topic.name, number, done - first, end - done))
    return found


def count_unassigned() -> int:
    """The open dead letters without a known casino."""
    return UnassignedDeadLetter.objects.filter(state=DeadLetterState.OPEN).count()


def casino_status(casino: Casino, now: datetime, parked: Iterable[ParkedCount]) -> CasinoStatus:
    status = CasinoStatus(casino.pk, casino.name)
    own = [each for each in parked if each.casino_id == casino.pk]
    status.parked = sum(each.count for each in own)
    try:
        require_up_to_date(casino)
        with use_casino(casino.current):
            _read_counts(status, now)
            status.feeds = _read_feeds(load_options(casino.options).feed_silence_seconds)
    except Error as error:
        status.last_error = first_line(error) or sqlstate_of(error)
    if own:
        status.last_error = own[-1].reason
    return status


def _read_feeds(silence_seconds: float) -> list[FeedReport]:
    return [
        FeedReport(
            producer=each.name,
            state=each.state,
            silent_seconds=None if each.producer.silent_seconds is None else round(each.producer.silent_seconds, 1),
            partitions={partition.number: partition.heard_at for partition in each.partitions},
        )
        for each in read_feeds(silence_seconds)
    ]


def _read_counts(status: CasinoStatus, now: datetime) -> None:
    since = now.replace(minute=0, second=0, microsecond=0) - _WINDOW
    counts = MessageCount.objects.filter(hour__gte=since)
    stored = counts.filter(outcome__in=STORED)
    status.stored = stored.aggregate(sum=Sum("count"))["sum"] or 0
    status.rejected = counts.filter(is_rejection=True).aggregate(sum=Sum("count"))["sum"] or 0
    status.a_minute = round(status.stored / max((now - since).total_seconds() / 60, 1), 1)
    status.last_stored = stored.order_by("-last_at", "-id").values_list("last_at", flat=True).first()
    status.waiting = WaitingCoupon.objects.count()
    dead = DeadLetter.objects.filter(state=DeadLetterState.OPEN)
    status.dead = dead.count()
    status.lost = list(dead.filter(reason=LOST).order_by("pk").values_list("detail", flat=True))
    last = MessageCount.objects.filter(is_rejection=True).order_by("-last_at", "-id").first()
    if last is not None:
        status.last_error = f"{last.topic}: {last.outcome}: {last.last_detail}"
