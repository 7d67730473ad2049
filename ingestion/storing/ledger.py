"""The ledger: the positions up to which a casino's messages are stored, in the casino's database with their rows."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from math import inf
from typing import Any, Protocol

import msgspec
from django.conf import settings

from ingestion.messages.envelope import Place
from ingestion.messages.reading import DecodedMessage
from ingestion.messages.results import MessageResult
from ingestion.models import PartitionOffset
from ingestion.topics import Topic
from tenants.postgresql.wait_budget import find_budget
from tenants.routing.connections import casino_connection, execute

PartitionKey = tuple[str, str, int]  # cluster, topic id, partition

_LOCK = """
SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true);
SELECT cluster, topic_id, partition, next_offset, latest_sent_at FROM ingestion_offsets
WHERE consumer_group = %s AND topic = %s AND partition = ANY(%s) ORDER BY id FOR UPDATE
"""

_INSERT_MISSING = """
INSERT INTO ingestion_offsets (consumer_group, topic, cluster, topic_id, partition, next_offset, latest_sent_at)
SELECT %s, %s, row.cluster, row.topic_id, row.partition, 0, 0
FROM jsonb_to_recordset(%s::jsonb) AS row(cluster text, topic_id text, partition int)
ORDER BY row.cluster, row.topic_id, row.partition ON CONFLICT DO NOTHING
"""

_ADVANCE = """
UPDATE ingestion_offsets AS ledger SET next_offset = row.next_offset, latest_sent_at = row.latest_sent_at
FROM jsonb_to_recordset(%s::jsonb)
    AS row(cluster text, topic_id text, partition int, next_offset bigint, latest_sent_at bigint)
WHERE ledger.consumer_group = %s AND ledger.topic = %s AND ledger.cluster = row.cluster
    AND ledger.topic_id = row.topic_id AND ledger.partition = row.partition
"""

_COUNT = """
INSERT INTO ingestion_counts AS counted (topic, hour, outcome, is_rejection, count, last_at, last_place, last_detail)
SELECT %s, %s, row.outcome, row.is_rejection, row.count, %s, row.last_place, row.last_detail
FROM jsonb_to_recordset(%s::jsonb)
    AS row(outcome text, is_rejection boolean, count bigint, last_place text, last_detail text)
ORDER BY row.outcome
ON CONFLICT (topic, hour, outcome) DO UPDATE SET
    count = counted.count + excluded.count, last_at = excluded.last_at,
    last_place = excluded.last_place, last_detail = excluded.last_detail
"""
_ADVANCE_AND_COUNT = f"WITH advanced AS ({_ADVANCE}) {_COUNT}"


class LedgerOffset(msgspec.Struct):
    """The ledger's position in one partition: the next offset, and the latest sending time."""

    next_offset: int
    latest_sent_at: int

    def covers(self, place: Place) -> bool:
        """Whether the message is stored already. A smaller offset does not prove it: the topic or the broker may have
        been recreated; the message was then sent later than all stored ones."""
        return place.offset < self.next_offset and place.sent_at <= self.latest_sent_at

    def advance(self, place: Place) -> None:
        self.next_offset = place.offset + 1
        self.latest_sent_at = max(self.latest_sent_at, place.sent_at)


class OutcomeCount(msgspec.Struct):
    """The number of messages with one outcome; for rejections and partly stored coupons also the last detail."""

    outcome: str
    is_rejection: bool = False
    count: int = 0
    last_place: str = ""
    last_detail: str = ""


class Ledger(Protocol):
    """The stored messages of a source in the current casino; locked until the transaction ends."""

    def take_new(self, messages: Iterable[DecodedMessage]) -> list[DecodedMessage]:
        """The messages that are not stored yet; the ledger advances past them."""

    def write(self, results: Sequence[MessageResult], counts: Iterable[OutcomeCount], now: datetime) -> None:
        """Store the new position, and count the messages. `results` are those of the new messages."""


OpenLedger = Callable[[Topic, Sequence[DecodedMessage]], Ledger]


class PartitionLedger:
    """The ledger of one topic and its consumer group, by their names on the broker."""

    def __init__(self, topic: Topic, messages: Sequence[DecodedMessage]) -> None:
        self._name, self._group, self._topic = topic.name, topic.group, messages[0].envelope.place.topic
        keys = {partition_key(message.envelope.place) for message in messages}
        self._offsets = self._lock(keys)
        if missing := keys - self._offsets.keys():
            self._insert(missing)
            self._offsets = self._lock(keys)

    def take_new(self, messages: Iterable[DecodedMessage]) -> list[DecodedMessage]:
        """The messages that are not stored yet. Each partition's messages must be in the order of their offsets."""
        new = []
        for message in messages:
            place = message.envelope.place
            offset = self._offsets[partition_key(place)]
            if not offset.covers(place):
                offset.advance(place)
                new.append(message)
        return new

    def write(self, results: Sequence[MessageResult], counts: Iterable[OutcomeCount], now: datetime) -> None:
        offsets = [
            {"cluster": cluster, "topic_id": topic_id, "partition": partition, **msgspec.structs.asdict(offset)}
            for (cluster, topic_id, partition), offset in self._offsets.items()
        ]
        count = _count_parameters(self._name, counts, now)
        parameters = [_json(offsets), self._group, self._topic, *count]
        with casino_connection().prepared_cursor() as cursor:  # planning it takes as long as running it
            cursor.execute(_ADVANCE_AND_COUNT, parameters)

    def _lock(self, keys: set[PartitionKey]) -> dict[PartitionKey, LedgerOffset]:
        lock_timeout, statement_timeout = _timeouts()
        partitions = sorted({partition for _, _, partition in keys})
        with casino_connection().cursor() as cursor:
            cursor.execute(_LOCK, [lock_timeout, statement_timeout, self._group, self._topic, partitions])
            cursor.nextset()
            rows = cursor.fetchall()
        offsets = {(cluster, topic_id, partition): LedgerOffset(*rest) for cluster, topic_id, partition, *rest in rows}
        return {key: offsets[key] for key in keys & offsets.keys()}

    def _insert(self, keys: set[PartitionKey]) -> None:
        rows = [dict(zip(("cluster", "topic_id", "partition"), key, strict=True)) for key in keys]
        execute(_INSERT_MISSING, [self._group, self._topic, _json(rows)])


def limit_waits() -> None:
    """Limit the waits of the current casino's transaction, as in transactions that store messages."""
    lock_timeout, statement_timeout = _timeouts()
    execute(
        "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)",
        [lock_timeout, statement_timeout],
    )


def write_counts(topic: str, counts: Iterable[OutcomeCount], now: datetime) -> None:
    """Count messages of the current casino without advancing a ledger."""
    execute(_COUNT, _count_parameters(topic, counts, now))


def _count_parameters(topic: str, counts: Iterable[OutcomeCount], now: datetime) -> list[Any]:
    return [topic, now.replace(minute=0, second=0, microsecond=0), now, _json(list(counts))]


def read_ledger_offsets(group: str, topic: str) -> dict[PartitionKey, LedgerOffset]:
    """The current casino's ledger of a topic and group, without locking it."""
    rows = PartitionOffset.objects.filter(consumer_group=group, topic=topic).values_list(
        "cluster", "topic_id", "partition", "next_offset", "latest_sent_at"
    )
    return {(cluster, topic_id, partition): LedgerOffset(*rest) for cluster, topic_id, partition, *rest in rows}


def partition_key(place: Place) -> PartitionKey:
    return place.cluster, place.topic_id, place.partition


def _timeouts() -> tuple[str, str]:
    """The time-outs in milliseconds: for a lock, and for a statement. The statement's is a little less than the
    client's, so that the server cancels statements before the client gives up."""
    budget = find_budget()
    left: float = inf if budget is None else max(0.9 * budget.left, 0.001)
    statement = min(settings.INGESTION_STATEMENT_SECONDS, left)
    return f"{settings.INGESTION_LOCK_SECONDS * 1000:.0f}", f"{statement * 1000:.0f}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
