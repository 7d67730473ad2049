"""The current casino's producers with their partitions, and whether their prices may be served now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from recommendations.validation.fields import EARLIEST
from recommendations.validation.markets import BY_UPLOAD
from tenants.routing.connections import query

from .feeds import Feeds, Producer
from .refusals import Refusal

_FEEDS = """
SELECT code, name, closed_by_hand, is_down, sends_heartbeats, statement_timestamp(),
    partition, heard_at, valid_since, beats, extract(epoch FROM statement_timestamp() - heard_at)::float8
FROM producers LEFT JOIN feeds ON producer = code ORDER BY name, partition
"""
_OF_PRODUCER = 6  # number of columns


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """A partition of a producer's feed. `silent_seconds`: since its latest message was sent, by the database's clock.
    Prices older than `valid_since` are not valid."""

    number: int
    heard_at: datetime
    valid_since: datetime
    beats: int
    silent_seconds: float

    @property
    def is_by_upload(self) -> bool:
        return self.number == BY_UPLOAD

    @property
    def is_valid_from_start(self) -> bool:
        """Whether prices of any age are valid, as far as `valid_since` is concerned."""
        return self.valid_since <= EARLIEST


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """A producer as of `read_at`. `refusal` applies to all its prices; it is `OPEN` if they may be served."""

    producer: Producer
    is_closed_by_hand: bool
    is_down: bool
    refusal: Refusal
    partitions: tuple[PartitionStatus, ...]
    read_at: datetime

    @property
    def name(self) -> str:
        return self.producer.name

    @property
    def state(self) -> str:
        """`open`, `closed_by_hand`, `down` or `silent`."""
        if self.is_closed_by_hand:
            return "closed_by_hand"
        if self.is_down:
            return "down"
        return "silent" if self.refusal is Refusal.FEED_SILENT else "open"


def read_feeds(silence_seconds: float) -> list[FeedStatus]:
    """All producers, by name. A producer is silent if its latest heartbeat is older than `silence_seconds`."""
    return [_status(list(rows), silence_seconds) for _, rows in groupby(query(_FEEDS), itemgetter(0))]


def feeds_of(statuses: Sequence[FeedStatus]) -> Feeds:
    """Convert the same producers for the gate."""
    read_at = max((each.read_at.timestamp() for each in statuses), default=0.0)
    return Feeds(read_at, {each.producer.code: each.producer for each in statuses})


def _status(rows: list[Any], silence_seconds: float) -> FeedStatus:
    code, name, is_closed_by_hand, is_down, sends_heartbeats, read_at = rows[0][:_OF_PRODUCER]
    partitions = tuple(PartitionStatus(*row[_OF_PRODUCER:]) for row in rows if row[_OF_PRODUCER] is not None)
    producer = Producer(
        code,
        name,
        is_closed_by_hand or is_down,
        sends_heartbeats,
        max((each.silent_seconds for each in partitions), default=None),
        max((each.valid_since.timestamp() for each in partitions), default=None),
    )
    return FeedStatus(producer, is_closed_by_hand, is_down, producer.refusal(silence_seconds), partitions, read_at)
