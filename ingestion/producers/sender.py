"""Sends messages, including dummy messages to try out the service."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from types import TracebackType
from typing import Any

from confluent_kafka import KafkaError
from django.utils import timezone

from ingestion.errors import NotDelivered
from ingestion.kafka.client import new_producer
from ingestion.messages.encoding import encode_row
from ingestion.messages.envelope import CASINO_HEADER
from ingestion.topics import TOPICS, Topic
from recommendations.errors import NoOpenEvents, NothingServed
from recommendations.simulation.dummies import dummy_coupon, dummy_event, dummy_user
from recommendations.simulation.impressions import dummy_impression
from recommendations.validation.rows import SentRow
from tenants.models import Casino
from tenants.routing.context import use_casino

from .load_generator import GeneratedMessage

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 30
_BY_KEY = -1  # librdkafka's RD_KAFKA_PARTITION_UA
_TICK_SECONDS = 0.01  # shorter waits are accumulated

DUMMIES: dict[str, Callable[..., SentRow]] = {
    "users": dummy_user,
    "events": dummy_event,
    "coupons": dummy_coupon,
    "impressions": dummy_impression,
}


class Sender:
    """Sends messages in a `with` block, whose end waits for their delivery. Raises NotDelivered."""

    def __init__(self, *, flush_seconds: float = FLUSH_SECONDS) -> None:
        self.sent = 0
        self._flush_seconds = flush_seconds
        self._producer = new_producer({"enable.idempotence": True, "linger.ms": 20})
        self._refused: list[str] = []

    def __enter__(self) -> "Sender":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        undelivered = self._producer.flush(self._flush_seconds)
        if kind is None and (undelivered or self._refused):
            raise NotDelivered(
                f"{undelivered} messages not delivered within {self._flush_seconds:g} s, "
                f"{len(self._refused)} refused: {self._refused[:3]}"
            )

    def send_row(self, topic: str, casino_id: int, row: SentRow, *, key: str) -> None:
        self.send(topic, encode_row(row), headers={CASINO_HEADER: str(casino_id)}, key=key)

    def send(
        self, topic: str, value: bytes, *, headers: dict[str, str], key: str, partition: int | None = None
    ) -> None:
        """Queue a message to the topic of this name without prefix; wait while the queue is full. Messages with the
        same key keep their order."""
        name = TOPICS[topic].full_name
        chosen = _BY_KEY if partition is None else partition
        while True:
            try:
                self._producer.produce(
                    name, value, key=key, headers=list(headers.items()), on_delivery=self._on_delivery, partition=chosen
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                self.sent += 1
                return

    def count_partitions(self, topic: str) -> int:
        name = TOPICS[topic].full_name
        return len(self._producer.list_topics(name, timeout=self._flush_seconds).topics[name].partitions)

    def flush(self) -> None:
        self._producer.flush(self._flush_seconds)

    def _on_delivery(self, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._refused.append(error.str())


def send_rounds(
    sender: Sender,
    topic: Topic,
    casino_ids: Sequence[int] | None,
    rng: random.Random,
    stop: threading.Event,
    *,
    interval: float,
    count: int | None,
) -> None:
    """Send one dummy message to each casino every `interval` seconds, `count` messages in all."""
    while not stop.is_set() and (count is None or sender.sent < count):
        before = sender.sent
        send_dummies(sender, topic.name, rng, timezone.now(), casino_ids=casino_ids, limit=count and count - before)
        if count is None or sender.sent < count:
            stop.wait(interval if sender.sent > before else max(interval, 1.0))


def send_dummies(
    sender: Sender,
    topic: str,
    rng: random.Random,
    now: datetime,
    *,
    casino_ids: Sequence[int] | None = None,
    limit: int | None = None,
) -> None:
    """Send one dummy message of `topic` to each of these casinos (None: each active one), at most `limit` messages.

    Casinos without users or events get no coupons, those without stored recommendations no impressions.
    """
    casinos = Casino.objects.active().order_by("id")
    for casino in (casinos if casino_ids is None else casinos.filter(pk__in=casino_ids))[:limit]:
        try:
            with use_casino(casino.current):
                row = DUMMIES[topic](rng, now=now)
        except (NoOpenEvents, NothingServed) as error:
            logger.info("No %s for %s: %s", topic, casino, error)
        else:
            sender.send_row(topic, casino.pk, row, key=f"{casino.pk}:{rng.random()}")
    sender.flush()


def send_at_rate(
    sender: Sender,
    topic: Topic,
    messages: Iterator[GeneratedMessage],
    stop: threading.Event,
    *,
    rate: float,
    count: int | None,
) -> None:
    """Send `rate` of these messages per second (0: without a limit), at most `count`."""
    began, sent_before = time.monotonic(), sender.sent
    for message in messages if count is None else islice(messages, count):
        headers = {CASINO_HEADER: str(message.casino_id)}
        sender.send(topic.name, message.value, headers=headers, key=message.key, partition=message.partition)
        ahead = (sender.sent - sent_before) / rate - (time.monotonic() - began) if rate else 0.0
        if stop.wait(ahead) if ahead > _TICK_SECONDS else stop.is_set():
            return
