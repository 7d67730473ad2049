"""The consumer: one loop for every topic. Reads batches, stores them, then commits their offsets."""

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections

from recommendations.storing import Result

from .batches import Stored, Verdict, store_batch
from .brokers import client_config
from .messages import Accepted, Rejection, read_message
from .topics import Topic

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.5, 15.0
SESSION_SECONDS = 10  # so long the partitions of a killed consumer wait for another; librdkafka's default is 45


class TopicConsumer:
    """Consumes one topic until told to stop. `counts` maps (casino id or None, result or rejection code) to messages.

    At least once: offsets are committed after the rows are stored, and rows that come again are recognised by key.
    """

    def __init__(
        self, topic: Topic, stop: threading.Event, *, idle_exit: float | None = None, heartbeat: Path | None = None
    ) -> None:
        self.counts: Counter[tuple[int | None, str]] = Counter()
        self._topic = topic
        self._stop = stop
        self._idle_exit = idle_exit
        self._heartbeat = heartbeat
        self._has_joined = False
        self._idle = 0.0
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._client = Consumer(
            client_config()
            | {
                "group.id": topic.group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "session.timeout.ms": SESSION_SECONDS * 1000,
            }
        )
        self._cluster = ""

    def run(self) -> None:
        try:
            self._cluster = self._client.list_topics(self._topic.name, timeout=30).cluster_id
            self._client.subscribe([self._topic.name], on_assign=self._note_joined)
            while not self._stop.is_set() and not self._has_idled():
                self._step()
        finally:
            self._client.close()

    def _step(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.touch()
        messages = self._client.consume(settings.KAFKA_BATCH_SIZE, settings.KAFKA_BATCH_SECONDS)
        messages = [message for message in messages if not _is_notice(message)]
        if messages:
            self._idle = 0.0
        elif self._has_joined:
            self._idle += settings.KAFKA_BATCH_SECONDS
        if not messages:
            return
        close_old_connections()
        try:
            verdicts = self._store(messages)
        except (OperationalError, InterfaceError) as error:
            self._come_again(messages, error)
        else:
            self._retry_seconds = FIRST_RETRY_SECONDS
            self._report(verdicts)
            self._commit(messages)

    def _store(self, messages: Sequence[Any]) -> list[Verdict]:
        read = [read_message(self._topic.decode, message, self._cluster) for message in messages]
        rejections: list[Verdict] = [each for each in read if isinstance(each, Rejection)]
        return rejections + store_batch(self._topic, (each for each in read if isinstance(each, Accepted)))

    def _come_again(self, messages: Sequence[Any], error: Exception) -> None:
        """A database is away: go back to the batch's beginning, wait, and let the next step try again."""
        logger.warning(
            "%s: a database is away, trying again in %.1f s: %s", self._topic.name, self._retry_seconds, error
        )
        for partition, offset in _bounds(messages, min).items():
            try:
                self._client.seek(TopicPartition(self._topic.name, partition, offset))
            except KafkaException:
                if self._owns(partition):  # to go on would be to leave the batch out
                    raise
                # The partition has moved on; its new owner begins at the committed offset.
        self._stop.wait(self._retry_seconds)
        self._retry_seconds = min(self._retry_seconds * 2, LAST_RETRY_SECONDS)

    def _report(self, verdicts: list[Verdict]) -> None:
        batch: Counter[str] = Counter()
        for verdict in verdicts:
            outcome = verdict.result.value if isinstance(verdict, Stored) else verdict.code
            self.counts[verdict.casino_id, outcome] += 1
            batch[outcome] += 1
            _log_left_out(verdict)
        logger.info("%s: %d messages: %s", self._topic.name, len(verdicts), describe(batch))

    def _commit(self, messages: Sequence[Any]) -> None:
        offsets = [
            TopicPartition(self._topic.name, partition, offset + 1)
            for partition, offset in _bounds(messages, max).items()
        ]
        try:
            self._client.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            # The rows are stored: whoever reads these messages again, because the partitions are moving to another
            # consumer or the broker is away, finds them there.
            _raise_if_fatal(error)
            logger.warning("%s: offsets not committed: %s", self._topic.name, error.args[0].str())

    def _note_joined(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        self._has_joined = True

    def _owns(self, partition: int) -> bool:
        return any(each.partition == partition for each in self._client.assignment())

    def _has_idled(self) -> bool:
        return self._idle_exit is not None and self._idle >= self._idle_exit


def describe(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()) or "none"


def _bounds(messages: Sequence[Any], bound: Any) -> dict[int, int]:
    """Partition -> its lowest or highest offset in the batch."""
    offsets: dict[int, int] = {}
    for message in messages:
        offsets[message.partition()] = bound(offsets.get(message.partition(), message.offset()), message.offset())
    return offsets


def _is_notice(message: Any) -> bool:
    """Whether this is librdkafka's word on the connection instead of a message; raises for what can't be mended."""
    error = message.error()
    if error is None:
        return False
    _raise_if_fatal(KafkaException(error))
    logger.warning("Kafka: %s", error.str())
    return True


def _raise_if_fatal(error: KafkaException) -> None:
    if error.args[0].fatal():
        raise error


def _log_left_out(verdict: Verdict) -> None:
    place = verdict.place
    where = (place.topic, place.partition, place.offset, verdict.casino_id)
    if isinstance(verdict, Rejection):
        logger.warning(
            "Rejected: topic=%s partition=%d offset=%d casino=%s reason=%s: %s", *where, verdict.code, verdict.detail
        )
    elif verdict.result is Result.DUPLICATE:
        logger.info("Left out: topic=%s partition=%d offset=%d casino=%s reason=duplicate", *where)
