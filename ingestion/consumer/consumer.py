"""The consumer of a topic: reads batches, stores them, then commits their offsets."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from ingestion import metrics
from ingestion.errors import AllDatabasesUnavailable, BrokerUnavailable, NotDelivered
from ingestion.kafka.client import close_within, new_consumer
from ingestion.kafka.connection_errors import answer_within, explain, problem_of
from ingestion.kafka.errors import log_or_raise
from ingestion.kafka.forwarder import Forwarder
from ingestion.kafka.offset_commits import OffsetCommits
from ingestion.kafka.topic_identity import TopicIdentity
from ingestion.maintenance.tasks import tasks_of_consumer
from ingestion.messages.envelope import Envelope, Place, open_message
from ingestion.messages.results import MessageResult
from ingestion.parking.parking import Parking
from ingestion.storing.dispatch import BatchStore
from ingestion.topics import Topic, create_topics
from tenants.postgresql.wait_budget import consumer_budget, waiting_within

from .group_config import group_config
from .health_server import Health
from .lost_messages import by_casino, find_lost, is_out_of_range

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 15.0
UNKNOWN_CASINO = "unknown"  # label of the metrics
_CONNECT_SECONDS = 30.0
_POLL_SECONDS = 0.2
_MEASURE_SECONDS = 1.0
_COMMIT_SECONDS = 5.0  # to commit refused offsets at the end; half of the 10 s that containers have to stop
_CLOSE_SECONDS = 10.0  # to leave the group if the broker hangs


class TopicConsumer:
    """Consumes one topic until `stop` is set. `counts` maps (id of a known casino or None, outcome) to numbers of
    messages.

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
        self._idle_since = inf  # infinite until the group's first assignment
        self._backoff_seconds = FIRST_RETRY_SECONDS
        self._to_retry: list[Envelope] = []
        self._commits = OffsetCommits()
        callbacks = {"on_commit": self._commits.on_commit, "stats_cb": self._on_statistics}
        self._client = new_consumer(group_config(topic) | callbacks)
        self._forwarder = Forwarder(stop=stop)
        self._parking = Parking(topic, self._client, self._commits, self._forwarder)
        self._batches = BatchStore(topic, self._parking, self._forwarder, self._count)
        self._tasks = tasks_of_consumer(topic, self._batches)
        metrics.LOST.labels(topic.name)  # starts the series at 0: one that starts with a loss shows no increase
        self._measured_at = 0.0
        self._outcomes_to_log: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._cluster = ""
        self._identity: TopicIdentity | None = None
        self._positions: dict[int, int] = {}  # assigned partition -> its next offset, or OFFSET_BEGINNING
        self._has_lost = False  # whether the next batch has placeholders of lost messages
        self._must_join_again = False
        self._is_closing = False

    def run(self) -> None:
        """Consume until `stop` is set. Raises TooManyRejections, SharedFailure, BrokerUnavailable."""
        with waiting_within(consumer_budget(self._stop)):
            self._run()

    def _run(self) -> None:
        try:
            self._connect()
            self._subscribe()
            while not self._stop.is_set() and not self._is_idle():
                self._run_once()
            self._is_closing = True
            self._commits.finish(self._client, _COMMIT_SECONDS)
        finally:
            self._is_closing = True
            self._batches.close()
            close_within(self._client, _CLOSE_SECONDS)

    def _connect(self) -> None:
        try:
            list_topics = partial(self._client.list_topics, self._topic.full_name)
            self._cluster = answer_within(_CONNECT_SECONDS, self._client, list_topics).cluster_id or ""
        except KafkaException as error:
            raise BrokerUnavailable(f"The broker does not answer: {explain(error)}") from error
        self._identity = TopicIdentity(self._topic.full_name, self._cluster)
        self._identity.read()

    def _subscribe(self) -> None:
        self._client.subscribe(
            [self._topic.full_name], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def _run_once(self) -> None:
        self._update_health()
        envelopes = self._to_retry or self._fetch()
        close_old_connections()
        try:
            if envelopes:
                self._store(envelopes)
                envelopes = []  # a later error does not concern this batch
            self._commits.retry(self._client)
            batches = self._batches
            self._parking.drain_step(batches.circuit_breaker.is_open, batches.store_parked, batches.close_lost)
            for task in self._tasks:
                if task.due or time.monotonic() >= task.next_round_at:
                    task.step(timezone.now())
        except (AllDatabasesUnavailable, NotDelivered) as error:
            self._back_off(envelopes, error)
        else:
            self._resume()

    def _fetch(self) -> list[Envelope]:
        messages = self._client.consume(settings.KAFKA_BATCH_SIZE, settings.KAFKA_BATCH_SECONDS)
        if messages:
            self._idle_since = time.monotonic()
        if self._is_recreated(messages):
            self._join_again()
            return []
        return self._open(messages)

    def _is_recreated(self, messages: Sequence[Any]) -> bool:
        """Whether the topic was deleted and created again. Checked at intervals, since new messages may continue the
        old offsets; and at once if an offset goes back or is no longer in the log."""
        if self._must_join_again:
            return True
        if self._identity is None:
            return False
        is_suspicious = any(
            message.offset() < self._positions.get(message.partition(), 0)
            if message.error() is None
            else is_out_of_range(message)
            for message in messages
        )
        return self._identity.read() if is_suspicious else self._identity.check()

    def _join_again(self) -> None:
        """Leave and join the group, so that the partitions are assigned again, and read them from their beginning."""
        logger.warning("%s: the topic was recreated; reading it from its beginning", self._topic.name)
        self._must_join_again = False
        self._client.unsubscribe()
        self._subscribe()

    def _open(self, messages: Sequence[Any]) -> list[Envelope]:
        """The messages of assigned partitions. Messages of partitions revoked meanwhile belong to the next consumer."""
        envelopes: list[Envelope] = []
        out_of_range: dict[int, int] = {}  # partition -> position
        for message in messages:
            error, partition = message.error(), message.partition()
            if error is not None and not is_out_of_range(message):
                log_or_raise(error)
            elif self._assigned is None or partition not in self._assigned or self._must_join_again:
                continue
            elif error is not None:
                out_of_range[partition] = message.offset()
            else:
                envelopes.append(open_message(message, self._cluster, self._topic_id))
                self._positions[partition] = message.offset() + 1
        return envelopes + self._skip_lost(out_of_range) if out_of_range else envelopes

    def _skip_lost(self, out_of_range: Mapping[int, int]) -> list[Envelope]:
        """Skip to the log in partitions whose position is no longer in it. Returns placeholders of the lost
        messages."""
        if self._identity is not None and self._identity.read():
            self._must_join_again = True
            self._to_retry = []
            return []
        lost: list[Envelope] = []
        for partition, offset in out_of_range.items():
            position = Place(self._cluster, self._topic.full_name, partition, offset, 0, self._topic_id)
            found, self._positions[partition] = find_lost(self._client, position)
            lost += [] if found is None else [found]
        self._has_lost |= bool(lost)
        self._assign_again(out_of_range)
        return lost

    def _assign_again(self, partitions: Iterable[int]) -> None:
        """Assign these partitions again at their positions: after its error, librdkafka refuses to seek in a
        partition."""
        name, assigned = self._topic.full_name, self._assigned or set()
        if _is_incremental():
            self._client.incremental_unassign([TopicPartition(name, each) for each in partitions])
            self._client.incremental_assign([TopicPartition(name, each, self._positions[each]) for each in partitions])
        else:
            self._client.assign([TopicPartition(name, each, self._positions[each]) for each in assigned])

    @property
    def _topic_id(self) -> str:
        return "" if self._identity is None else self._identity.id

    def _store(self, envelopes: Sequence[Envelope]) -> None:
        name = self._topic.name
        with metrics.STAGES.labels(name, "read").time():
            messages = self._batches.decode(by_casino(envelopes) if self._has_lost else envelopes)
        with metrics.STAGES.labels(name, "store").time():
            self._batches.store(messages, is_retry=bool(self._to_retry))
        with metrics.STAGES.labels(name, "commit").time():
            self._commit(envelopes)
        self._has_lost = False
        metrics.BATCHES.labels(name).observe(len(envelopes))
        self._log_batch(len(envelopes))

    def _commit(self, envelopes: Sequence[Envelope]) -> None:
        ends = {envelope.place.partition: envelope.place.offset + 1 for envelope in envelopes}
        name, topic_id = self._topic.full_name, self._topic_id
        offsets = [TopicPartition(name, partition, end, topic_id) for partition, end in ends.items()]
        self._commits.commit(self._client, offsets)

    def _back_off(self, envelopes: list[Envelope], error: Exception) -> None:
        """Keep the batch and the partitions, pause reading, and retry after the back-off: no message can be stored
        now."""
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
            # Polling keeps the membership. It returns messages of newly assigned partitions only.
            messages = self._client.consume(settings.KAFKA_BATCH_SIZE, 0)
            opened = self._open(messages)
            self._to_retry = [*self._to_retry, *opened]  # read last: a revocation empties it

    def _resume(self) -> None:
        if self.health.problem:
            self._to_retry = []
            self._backoff_seconds = FIRST_RETRY_SECONDS
            self.health.problem = ""
            self._client.resume(self._client.assignment())

    def _count(self, results: Sequence[MessageResult]) -> None:
        casinos = (result.envelope.casino_id if result.is_casino_known else None for result in results)
        counts = Counter(zip(casinos, (result.outcome for result in results), strict=True))
        with self._counting:  # several casinos are stored at once
            self.counts.update(counts)
            self._outcomes_to_log.update(by_outcome(counts))
        for (casino_id, outcome), count in counts.items():
            casino = UNKNOWN_CASINO if casino_id is None else str(casino_id)
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
        parked = self._parking.counts
        self._batches.circuit_breaker.forget_unparked(parked)
        metrics.PARKED.labels(name).set(parked.total())
        metrics.UNAVAILABLE.labels(name).set(len(self._batches.circuit_breaker))
        metrics.BACKING_OFF.labels(name).set(bool(self.health.problem))
        for partition, position in self._positions.items():
            first, end = self._client.get_watermark_offsets(
                TopicPartition(self._topic.full_name, partition), cached=True
            )
            if end >= 0:  # known since the first response
                metrics.LAG.labels(name, partition).set(max(end - max(position, first), 0))

    def _on_statistics(self, statistics: str) -> None:
        self.health.broker_problem = problem_of(statistics)

    def _on_assign(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        """Start reading these partitions. Counts their parked messages before the first message is read."""
        if self._is_closing:  # closing revokes them at once, and the client can no longer read offsets
            return
        numbers = {each.partition for each in partitions}
        starts = self._find_starts(client, partitions)
        self._require_partitions(numbers)
        self._parking.assign(numbers)
        # last: once the client fetches, each other request waits behind a fetch that waits for messages
        (client.incremental_assign if _is_incremental() else client.assign)(starts)
        client.resume(partitions)  # librdkafka keeps a partition paused that is revoked and assigned again
        self._assigned = (self._assigned or set()) | numbers
        self._idle_since = time.monotonic()
        logger.info("%s: assigned partitions %s, now %s", self._topic.name, _listed(numbers), _listed(self._assigned))

    def _find_starts(self, client: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """The committed offsets. The beginning of a partition without one, or with one of a deleted topic of the same
        name."""
        if self._identity is not None and self._identity.read() and self._assigned:
            self._must_join_again = True  # the partitions assigned earlier are read at offsets of the deleted topic
            self._to_retry = []  # else their offsets would be committed with the new topic's id
        committed = client.committed(partitions, timeout=_CONNECT_SECONDS)
        starts = [self._start(each) for each in committed]
        self._positions |= {each.partition: each.offset for each in starts}
        return starts

    def _start(self, committed: TopicPartition) -> TopicPartition:
        if committed.error is not None:
            raise KafkaException(committed.error)
        topic_id = self._topic_id
        is_other = bool(topic_id and committed.metadata and committed.metadata != topic_id)
        if committed.offset >= 0 and not is_other:
            return committed
        if is_other:
            text = "%s/%d: offset %d is of a topic that was deleted; reading from the beginning"
            logger.warning(text, committed.topic, committed.partition, committed.offset)
        return TopicPartition(committed.topic, committed.partition, OFFSET_BEGINNING)

    def _require_partitions(self, numbers: set[int]) -> None:
        """Create the partitions that the topic of parked messages lacks. If that is impossible, continue: storing does
        not need them."""
        try:
            if not self._forwarder.has_partitions([self._topic.parked], numbers):
                create_topics()
        except (BrokerUnavailable, NotDelivered, KafkaException) as error:
            logger.warning("%s may lack partitions: %s", self._topic.parked, error)

    def _on_revoke(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        """Give up these partitions, and drop a batch to retry. Called between batches, so that all stored messages are
        committed."""
        numbers = {each.partition for each in partitions}
        self._assigned = (self._assigned or set()) - numbers
        logger.info("%s: revoked partitions %s", self._topic.name, _listed(numbers))
        for partition in numbers:
            self._positions.pop(partition, None)
            metrics.LAG.remove(self._topic.name, partition)
        self._parking.revoke(numbers)
        self._commits.forget(self._topic.full_name, numbers)
        self._to_retry = [each for each in self._to_retry if each.place.partition not in numbers]

    def _is_idle(self) -> bool:
        if self._idle_exit is None or self._to_retry:
            return False
        return time.monotonic() - self._idle_since >= self._idle_exit


def _is_incremental() -> bool:
    return bool(settings.KAFKA_ASSIGNMENT_STRATEGY == "cooperative-sticky")


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
