"""The consumer: one loop for every topic. Reads batches, has them stored, then commits their offsets."""

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
from ingestion.kafka.errors import is_notice, note_commit
from ingestion.kafka.forwarder import Forwarder
from ingestion.maintenance.base import MaintenanceTask
from ingestion.maintenance.expiry import Expiry
from ingestion.maintenance.pruning import ServedPruning, TallyFolding, TallyPruning
from ingestion.messages.envelope import Envelope, open_message
from ingestion.outcomes import MessageResult
from ingestion.parking.parking import Parking
from ingestion.storing.dispatch import BatchStore
from ingestion.topics import COUPONS, RECOMMENDATIONS, USERS, Topic

from .draining import Draining
from .group_config import membership
from .health_server import Health
from .rejection_limit import RejectionLimit

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.5, 15.0
_POLL_SECONDS = 0.2
_MEASURE_SECONDS = 1.0


class TopicConsumer:
    """Consumes one topic until told to stop. `counts` maps (casino id or None, what became of it) to messages.

    At least once from Kafka: offsets are committed after every message of the batch is stored, parked or a dead letter.
    Once and for all in the casinos' databases, whose ledgers know what they have.
    """

    def __init__(
        self, topic: Topic, stop: threading.Event, *, idle_exit: float | None = None, heartbeat: Path | None = None
    ) -> None:
        self.counts: Counter[tuple[int | None, str]] = Counter()
        self._topic = topic
        self._stop = stop
        self._idle_exit = idle_exit
        self._heartbeat = heartbeat
        self._owned: set[int] | None = None  # None until the group has told
        self._idle_since = time.monotonic()
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._held_back: list[Envelope] = []
        self._client = Consumer(client_config() | membership(topic) | {"on_commit": note_commit})
        forwarder = Forwarder()
        self._parking = Parking(topic, self._client, forwarder)
        self._batches = BatchStore(topic, self._parking, forwarder, self._report)
        self._limit = RejectionLimit(topic.name)
        self._chores = _chores_of(topic, self._batches)
        self._draining = Draining(topic, self._parking, self._batches)
        self.health = Health()
        self._measured_at = 0.0
        self._told: Counter[str] = Counter()
        self._cluster = self._topic_id = ""
        self._is_closing = False

    def run(self) -> None:
        """Raises TooManyRejections, and django.db.Error for what PostgreSQL says that this code does not know."""
        try:
            self._cluster = self._client.list_topics(self._topic.name, timeout=30).cluster_id or ""
            self._topic_id = topic_id_of(self._topic.name, self._cluster)
            self._client.subscribe(
                [self._topic.name], on_assign=self._take_over, on_revoke=self._let_go, on_lost=self._let_go
            )
            while not self._stop.is_set() and not self._has_idled():
                self._turn()
        finally:
            self._is_closing = True
            self._client.close()

    def _turn(self) -> None:
        self._show_life()
        envelopes = self._held_back or self._fetch()
        close_old_connections()
        try:
            if envelopes:
                self._store(envelopes)
                envelopes = []  # what fails from here on is not theirs
            self._draining.step()
            for chore in self._chores:
                chore.step(timezone.now())
        except (AllDatabasesUnavailable, NotDelivered) as error:
            self._hold_back(envelopes, error)
        else:
            self._go_on()

    def _fetch(self) -> list[Envelope]:
        messages = self._client.consume(settings.KAFKA_BATCH_SIZE, settings.KAFKA_BATCH_SECONDS)
        if messages or self._owned is None:
            self._idle_since = time.monotonic()
        return self._open(messages)

    def _open(self, messages: Sequence[Any]) -> list[Envelope]:
        """What this consumer has to deal with: not what it has lost meanwhile."""
        mine = (message for message in messages if not is_notice(message) and self._owns(message.partition()))
        return [open_message(message, self._cluster, self._topic_id) for message in mine]

    def _store(self, envelopes: Sequence[Envelope]) -> None:
        name = self._topic.name
        with metrics.stage(name, "read"):
            readings = self._batches.read(envelopes)
        if not self._held_back:
            self._limit.check((reading.envelope.casino_id, reading.content) for reading in readings)
        with metrics.stage(name, "store"):
            self._batches.store(readings)
        with metrics.stage(name, "commit"):
            self._commit(envelopes)
        metrics.BATCHES.labels(name).observe(len(envelopes))
        self._tell(len(envelopes))

    def _commit(self, envelopes: Sequence[Envelope]) -> None:
        ends: dict[int, int] = {}
        for envelope in envelopes:
            ends[envelope.place.partition] = envelope.place.offset + 1
        offsets = [TopicPartition(self._topic.name, partition, end) for partition, end in ends.items()]
        # Not waited for: with the group's coordinator away, that could be for ever. Closing and giving partitions back
        # do wait, within their limits.
        self._client.commit(offsets=offsets, asynchronous=True)

    def _hold_back(self, envelopes: list[Envelope], error: Exception) -> None:
        """Nothing can be stored: keep the batch and the partitions, take nothing more, and try again after a while."""
        logger.warning(
            "%s: nothing can be stored, trying again in %.1f s: %s", self._topic.name, self._retry_seconds, error
        )
        self._held_back = envelopes
        self.health.trouble = f"nothing can be stored: {error}"
        deadline = time.monotonic() + self._retry_seconds
        self._retry_seconds = min(self._retry_seconds * 2, LAST_RETRY_SECONDS)
        while not self._stop.is_set() and time.monotonic() < deadline:
            self._client.pause(self._client.assignment())
            self._stop.wait(_POLL_SECONDS)
            # Polling says that this consumer lives. Messages come only of partitions that it has just been given.
            messages = self._client.consume(settings.KAFKA_BATCH_SIZE, 0)
            self._held_back = [*self._held_back, *self._open(messages)]  # consuming may have taken some away

    def _go_on(self) -> None:
        if self.health.trouble:
            self._held_back = []
            self._retry_seconds = FIRST_RETRY_SECONDS
            self.health.trouble = ""
            self._client.resume(self._client.assignment())

    def _report(self, verdicts: Sequence[MessageResult]) -> None:
        counts = Counter((verdict.envelope.casino_id, verdict.outcome) for verdict in verdicts)
        self.counts.update(counts)
        self._told.update(by_outcome(counts))
        metrics.count_messages(self._topic.name, counts)

    def _tell(self, messages: int) -> None:
        outcomes, self._told = self._told, Counter()
        facts = {"topic": self._topic.name, "messages": messages, "outcomes": dict(outcomes)}
        logger.info("%s: %d messages: %s", self._topic.name, messages, describe(outcomes), extra=facts)

    def _show_life(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.touch()
        now = time.monotonic()
        self.health.turned_at = now
        if now - self._measured_at > _MEASURE_SECONDS:
            self._measured_at = now
            self._measure()
        self.health.has_joined = self._owned is not None

    def _measure(self) -> None:
        name = self._topic.name
        metrics.PARKED.labels(name).set(self._parking.waiting.total())
        metrics.AWAY.labels(name).set(len(self._batches.availability))
        metrics.HELD_BACK.labels(name).set(bool(self.health.trouble))
        for place in self._client.position([TopicPartition(name, each) for each in self._owned or ()]):
            _, end = self._client.get_watermark_offsets(place, cached=True)
            metrics.LAG.labels(name, place.partition).set(max(end - max(place.offset, 0), 0))

    def _take_over(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        """Called before the first message of these partitions. What is parked there has to be known by then."""
        if self._is_closing:  # they are given back at once, and nothing can be asked any more
            return
        numbers = {each.partition for each in partitions}
        client.resume(partitions)  # librdkafka keeps a partition paused that is taken away and given back
        self._parking.take_over(numbers)
        self._owned = (self._owned or set()) | numbers
        logger.info("%s: got the partitions %s, reads %s", self._topic.name, _listed(numbers), _listed(self._owned))

    def _let_go(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        """Called between batches, so that all is committed that was stored; a batch that is held back is another's."""
        numbers = {each.partition for each in partitions}
        self._owned = (self._owned or set()) - numbers
        logger.info("%s: let go the partitions %s", self._topic.name, _listed(numbers))
        self._parking.let_go(numbers)
        self._draining.let_go(numbers)
        self._held_back = [each for each in self._held_back if each.place.partition not in numbers]

    def _owns(self, partition: int) -> bool:
        return self._owned is not None and partition in self._owned

    def _has_idled(self) -> bool:
        return self._idle_exit is not None and time.monotonic() - self._idle_since >= self._idle_exit


def _chores_of(topic: Topic, store: BatchStore) -> list[MaintenanceTask]:
    if topic is COUPONS:
        return [Expiry(topic, store), TallyPruning(store), TallyFolding(store)]
    if topic is USERS:  # with whom coupons come that waited for them
        return [TallyFolding(store)]
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
