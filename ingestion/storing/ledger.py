"""The ledger: which of a casino's messages are done with, kept in the casino's own database with their rows."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec
from django.conf import settings

from ingestion.messages.envelope import Envelope, Place
from ingestion.models import PartitionOffset
from recommendations.tallies.selections import start_of_hour
from tenants.routing.connections import casino_connection

Stream = tuple[str, str, int]  # cluster, topic id, partition

_LOCK = """
SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true);
SELECT cluster, topic_id, partition, next_offset, latest_sent_at FROM ingestion_offsets
WHERE consumer_group = %s AND topic = %s AND partition = ANY(%s) ORDER BY id FOR UPDATE
"""

_BEGIN = """
INSERT INTO ingestion_offsets (consumer_group, topic, cluster, topic_id, partition, next_offset, latest_sent_at)
SELECT %s, %s, row.cluster, row.topic_id, row.partition, 0, 0
FROM jsonb_to_recordset(%s::jsonb) AS row(cluster text, topic_id text, partition int)
ORDER BY row.cluster, row.topic_id, row.partition ON CONFLICT DO NOTHING
"""

_MOVE_ON = """
UPDATE ingestion_offsets AS kept SET next_offset = row.next_offset, latest_sent_at = row.latest_sent_at
FROM jsonb_to_recordset(%s::jsonb)
    AS row(cluster text, topic_id text, partition int, next_offset bigint, latest_sent_at bigint)
WHERE kept.consumer_group = %s AND kept.topic = %s AND kept.cluster = row.cluster
    AND kept.topic_id = row.topic_id AND kept.partition = row.partition
"""

_COUNT = """
INSERT INTO ingestion_counts AS kept (topic, hour, outcome, is_rejection, count, last_at, last_place, last_detail)
SELECT %s, %s, row.outcome, row.is_rejection, row.count, %s, row.last_place, row.last_detail
FROM jsonb_to_recordset(%s::jsonb)
    AS row(outcome text, is_rejection boolean, count bigint, last_place text, last_detail text)
ORDER BY row.outcome
ON CONFLICT (topic, hour, outcome) DO UPDATE SET
    count = kept.count + excluded.count, last_at = excluded.last_at,
    last_place = excluded.last_place, last_detail = excluded.last_detail
"""


class HasEnvelope(Protocol):
    @property
    def envelope(self) -> Envelope: ...


M = TypeVar("M", bound=HasEnvelope)


class Mark(msgspec.Struct):
    """How far a stream is done with: the next offset, and the latest time at which a message done with was sent."""

    next_offset: int
    latest_sent_at: int

    def covers(self, place: Place) -> bool:
        """Whether the message was done with before. A smaller offset alone does not tell: it may be one of a topic that
        was made again, or of a broker that was started again; then it was sent later than all before."""
        return place.offset < self.next_offset and place.sent_at <= self.latest_sent_at

    def move_past(self, place: Place) -> None:
        self.next_offset = place.offset + 1
        self.latest_sent_at = max(self.latest_sent_at, place.sent_at)


class Count(msgspec.Struct):
    """Messages that ended in the same way; of rejections, also which was the last."""

    outcome: str
    is_rejection: bool = False
    count: int = 0
    last_place: str = ""
    last_detail: str = ""


class Ledger:
    """The current casino's ledger of one topic and consumer group, locked until the transaction ends."""

    def __init__(self, group: str, topic: str, envelopes: Iterable[Envelope]) -> None:
        self._group, self._topic = group, topic
        streams = {stream_of(envelope.place) for envelope in envelopes}
        self._marks = self._lock(streams)
        if missing := streams - self._marks.keys():
            self._begin(missing)
            self._marks = self._lock(streams)

    def take_new(self, messages: Iterable[M]) -> list[M]:
        """Those that were not done with before; the ledger moves past them. Each stream's must come in their order."""
        new = []
        for message in messages:
            place = message.envelope.place
            mark = self._marks[stream_of(place)]
            if not mark.covers(place):
                mark.move_past(place)
                new.append(message)
        return new

    def write(self, counts: Iterable[Count], now: datetime) -> None:
        marks = [
            {"cluster": cluster, "topic_id": topic_id, "partition": partition, **msgspec.structs.asdict(mark)}
            for (cluster, topic_id, partition), mark in self._marks.items()
        ]
        parameters = [_json(marks), self._group, self._topic, *_count_parameters(self._topic, counts, now)]
        with casino_connection().cursor() as cursor:
            cursor.execute(f"{_MOVE_ON}; {_COUNT}", parameters)

    def _lock(self, streams: set[Stream]) -> dict[Stream, Mark]:
        wait = f"{settings.INGESTION_LOCK_SECONDS * 1000:.0f}"
        partitions = sorted({partition for _, _, partition in streams})
        with casino_connection().cursor() as cursor:
            timeout = f"{settings.INGESTION_STATEMENT_SECONDS * 1000:.0f}"
            cursor.execute(_LOCK, [wait, timeout, self._group, self._topic, partitions])
            cursor.nextset()
            rows = cursor.fetchall()
        marks = {(cluster, topic_id, partition): Mark(*mark) for cluster, topic_id, partition, *mark in rows}
        return {stream: marks[stream] for stream in streams & marks.keys()}

    def _begin(self, streams: set[Stream]) -> None:
        rows = [dict(zip(("cluster", "topic_id", "partition"), stream, strict=True)) for stream in streams]
        with casino_connection().cursor() as cursor:
            cursor.execute(_BEGIN, [self._group, self._topic, _json(rows)])


def write_counts(topic: str, counts: Iterable[Count], now: datetime) -> None:
    """Count messages of the current casino that no ledger moves past."""
    with casino_connection().cursor() as cursor:
        cursor.execute(_COUNT, _count_parameters(topic, counts, now))


def _count_parameters(topic: str, counts: Iterable[Count], now: datetime) -> list[Any]:
    return [topic, start_of_hour(now), now, _json(list(counts))]


def read_marks(group: str, topic: str) -> dict[Stream, Mark]:
    """How far the current casino's messages of a topic are done with, without locking anything."""
    rows = PartitionOffset.objects.filter(consumer_group=group, topic=topic).values_list(
        "cluster", "topic_id", "partition", "next_offset", "latest_sent_at"
    )
    return {(cluster, topic_id, partition): Mark(*mark) for cluster, topic_id, partition, *mark in rows}


def stream_of(place: Place) -> Stream:
    return place.cluster, place.topic_id, place.partition


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
