"""The consumer of a topic: reads batches, stores them, then commits their offsets."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from ingestion import metrics
from ingestion.errors import AllDatabasesUnavailable, NotDelivered
from ingestion.kafka.client import client_config, topic_id_of
from ingestion.kafka.errors import log_or_raise
from ingestion.kafka.forwarder import Forwarder
from ingestion.kafka.offset_commits import OffsetCommits
from ingestion.maintenance.base import MaintenanceTask
from ingestion.maintenance.expiry import CouponExpiry
from ingestion.maintenance.pruning import ServedPruning, TallyMerging, TallyPruning
from ingestion.messages.envelope import Envelope, open_message
from ingestion.outcomes import MessageResult
from ingestion.parking.parking import Parking
from ingestion.storing.dispatch import BatchStore
from ingestion.topics import COUPONS, RECOMMENDATIONS, USERS, Topic

from .group_config import group_config
from .health_server import Health

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.5, 15.0
_POLL_SECONDS = 0.2
_MEASURE_SECONDS = 1.0
_CLOSE_SECONDS = 5.0  # for offsets refused at the end; half of the 10 s that containers have to stop


class TopicConsumer:
    """Consumes one topic until `stop` is set. `counts` maps (casino id or None, outcome) to messages.

    At least once from Kafka: offsets are committed after every message of the batch is stored, parked or a dead letter.
    Exactly once in the casinos' databases, by their ledgers.
    """

    def __init__(
        self, topic: Topic, stop: threading.Event, *, idle_exit: float | None = None, heartbeat: Path | None = None
    ) -> None:
        self.counts: Counter[tuple[int | None, str]] = Counter()
        self.health = Health()
        self._topic = topic
        self._stop = stop
        self._idle_exit = idle_exit
        self._heartbeat = heartbeat
        self._assigned: set[int] | None = None  # None until the group's first assignment
        self._idle_since = time.monotonic()
        self._backoff_seconds = FIRST_RETRY_SECONDS
        self._to_retry: list[Envelope] = []
        self._commits = OffsetCommits()
        self._client = Consumer(client_config() | group_config(topic) | {"on_commit": self._commits.on_commit})
        forwarder = Forwarder()
        self._parking = Parking(topic, self._client, self._commits, forwarder)
        self._batches = BatchStore(topic, self._parking, forwarder, self._count)
        self._tasks = _maintenance_tasks(topic, self._batches)
        self._measured_at = 0.0
        self._outcomes_to_log: Counter[str] = Counter()
        self._cluster = self._topic_id = ""
        self._is_closing = False

    def run(self) -> None:
        """Raises TooManyRejections, SharedFailure."""
        try:
            self._cluster = self._client.list_topics(self._topic.name, timeout=30).cluster_id or ""
            self._topic_id = topic_id_of(self._topic.name, self._cluster)
            self._client.subscribe(
                [self._topic.name], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
            )
            while not self._stop.is_set() and not self._is_idle():
                self._run_once()
            self._is_closing = True
            self._commits.finish(self._client, _CLOSE_SECONDS)
        finally:
            self._is_closing = True
            self._client.close()

    def _run_once(self) -> None:
        self._update_health()
        envelopes = self._to_retry or self._fetch()
        close_old_connections()
        try:
            if envelopes:
                self._store(envelopes)
                envelopes = []  # a later error does not concern this batch
            self._commits.retry(self._client)
            self._parking.drain_step(self._batches.circuit_breaker.is_open, self._batches.store_parked)
            for task in self._tasks:
                if task.due or time.monotonic() >= task.next_round_at:
                    task.step(timezone.now())
        except (AllDatabasesUnavailable, NotDelivered) as error:
            self._back_off(envelopes, error)
        else:
            self._resume()

    def _fetch(self) -> list[Envelope]:
        messages = self._client.consume(settings.KAFKA_BATCH_SIZE, settings.KAFKA_BATCH_SECONDS)
        if messages or self._assigned is None:
            self._idle_since = time.monotonic()
        return self._open(messages)

    def _open(self, messages: Sequence[Any]) -> list[Envelope]:
        """The messages of assigned partitions; those of partitions revoked meanwhile are their next consumer's."""
        envelopes = []
        for message in messages:
            error = message.error()
            if error is not None:
                log_or_raise(error)
            elif self._assigned is not None and message.partition() in self._assigned:
                envelopes.append(open_message(message, self._cluster, self._topic_id))
        return envelopes

    def _store(self, envelopes: Sequence[Envelope]) -> None:
        name = self._topic.name
        with metrics.STAGES.labels(name, "read").time():
            messages = self._batches.decode(envelopes)
        with metrics.STAGES.labels(name, "store").time():
            self._batches.store(messages, is_retry=bool(self._to_retry))
        with metrics.STAGES.labels(name, "commit").time():
            self._commit(envelopes)
        metrics.BATCHES.labels(name).observe(len(envelopes))
        self._log_batch(len(envelopes))

    def _commit(self, envelopes: Sequence[Envelope]) -> None:
        ends = {envelope.place.partition: envelope.place.offset + 1 for envelope in envelopes}
        offsets = [TopicPartition(self._topic.name, partition, end) for partition, end in ends.items()]
        self._commits.commit(self._client, offsets)

    def _back_off(self, envelopes: list[Envelope], error: Exception) -> None:
        """Nothing can be stored: keep the batch and the partitions, read nothing more, and retry after the back-off."""
        logger.warning(
            "%s: nothing can be stored, retrying in %.1f s: %s", self._topic.name, self._backoff_seconds, error
        )
        self._to_retry = envelopes
        self.health.problem = f"nothing can be stored: {error}"
        deadline = time.monotonic() + self._backoff_seconds
        self._backoff_seconds = min(self._backoff_seconds * 2, LAST_RETRY_SECONDS)
        while not self._stop.is_set() and time.monotonic() < deadline:
            self._client.pause(self._client.assignment())
            self._stop.wait(_POLL_SECONDS)
            # Polling keeps the membership. It returns messages only of partitions that were assigned just now.
            messages = self._client.consume(settings.KAFKA_BATCH_SIZE, 0)
            self._to_retry = [*self._to_retry, *self._open(messages)]  # read after consume(), which may revoke some

    def _resume(self) -> None:
        if self.health.problem:
            self._to_retry = []
            self._backoff_seconds = FIRST_RETRY_SECONDS
            self.health.problem = ""
            self._client.resume(self._client.assignment())

    def _count(self, results: Sequence[MessageResult]) -> None:
        counts = Counter((result.envelope.casino_id, result.outcome) for result in results)
        self.counts.update(counts)
        self._outcomes_to_log.update(by_outcome(counts))
        for (casino_id, outcome), count in counts.items():
            casino = "" if casino_id is None else str(casino_id)
            metrics.MESSAGES.labels(self._topic.name, casino, outcome).inc(count)

    def _log_batch(self, messages: int) -> None:
        outcomes, self._outcomes_to_log = self._outcomes_to_log, Counter()
        fields = {"topic": self._topic.name, "messages": messages, "outcomes": dict(outcomes)}
        logger.info("%s: %d messages: %s", self._topic.name, messages, describe(outcomes), extra=fields)

    def _update_health(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.touch()
        now = time.monotonic()
        self.health.last_loop_at = now
        if now - self._measured_at > _MEASURE_SECONDS:
            self._measured_at = now
            self._measure()
        self.health.has_joined = self._assigned is not None
        self.health.parked = self._batches.circuit_breaker.describe()

    def _measure(self) -> None:
        name = self._topic.name
        metrics.PARKED.labels(name).set(self._parking.counts.total())
        metrics.UNAVAILABLE.labels(name).set(len(self._batches.circuit_breaker))
        metrics.BACKING_OFF.labels(name).set(bool(self.health.problem))
        for place in self._client.position([TopicPartition(name, each) for each in self._assigned or ()]):
            _, end = self._client.get_watermark_offsets(place, cached=True)
            metrics.LAG.labels(name, place.partition).set(max(end - max(place.offset, 0), 0))

    def _on_assign(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        """Called before the first message of these partitions; their parked messages must be counted by then."""
        if self._is_closing:  # closing revokes them immediately, and the client can't read offsets any more
            return
        numbers = {each.partition for each in partitions}
        client.resume(partitions)  # librdkafka keeps a partition paused that is revoked and assigned again
        self._parking.assign(numbers)
        self._assigned = (self._assigned or set()) | numbers
        logger.info("%s: assigned partitions %s, now %s", self._topic.name, _listed(numbers), _listed(self._assigned))

    def _on_revoke(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        """Called between batches, so that all stored messages are committed; a batch to retry is dropped."""
        numbers = {each.partition for each in partitions}
        self._assigned = (self._assigned or set()) - numbers
        logger.info("%s: revoked partitions %s", self._topic.name, _listed(numbers))
        self._parking.revoke(numbers)
        self._commits.forget(self._topic.name, numbers)
        self._to_retry = [each for each in self._to_retry if each.place.partition not in numbers]

    def _is_idle(self) -> bool:
        return self._idle_exit is not None and time.monotonic() - self._idle_since >= self._idle_exit


def _maintenance_tasks(topic: Topic, store: BatchStore) -> list[MaintenanceTask]:
    if topic is COUPONS:
        return [CouponExpiry(topic, store), TallyPruning(store), TallyMerging(store)]
    if topic is USERS:  # storing a user stores the coupons that waited for it
        return [TallyMerging(store)]
    return [ServedPruning(store)] if topic is RECOMMENDATIONS else []


def by_outcome(counts: Counter[tuple[int | None, str]]) -> Counter[str]:
    """The counts of all casinos together."""
    sums = Counter[str]()
    for (_, outcome), count in counts.items():
        sums[outcome] += count
    return sums


def describe(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()) or "none"


def _listed(partitions: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(partitions))) or "none"
