"""Forwards parked and replayed messages unchanged, with added headers, to their topics."""

import threading
import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from django.conf import settings

from ingestion.errors import NotDelivered
from ingestion.messages.envelope import Envelope

from .client import new_producer
from .connection_errors import connection_errors, explain

FLUSH_SECONDS, STOPPING_SECONDS = 30.0, 5.0
_POLL_SECONDS = 0.5
MAX_BYTES = 8_000_000  # the largest message that Kafka accepts, plus the added headers


class Forwarder:
    """Forwards messages in their order, without gaps.

    A message stays queued until it is delivered; later messages are delivered after it.
    """

    def __init__(self, *, flush_seconds: float = FLUSH_SECONDS, stop: threading.Event | None = None) -> None:
        """`flush` waits `flush_seconds` at most; once `stop` is set, `STOPPING_SECONDS` at most."""
        self._flush_seconds = flush_seconds
        self._stop = stop
        self._refused: list[str] = []
        self._producer = new_producer(
            {
                "enable.idempotence": True,
                "enable.gapless.guarantee": True,
                "message.timeout.ms": 0,
                "message.max.bytes": MAX_BYTES,
                "linger.ms": 5,
            }
        )

    def forward(self, topic: str, envelope: Envelope, added: dict[str, str]) -> None:
        """Queue the message for the same partition of `topic`, with these headers added. Raises NotDelivered if the
        queue stays full, or the topic can't take the message."""
        headers: list[Any] = [*(envelope.headers or ()), *((name, text.encode()) for name, text in added.items())]
        for is_last in (False, True):
            try:
                self._producer.produce(
                    topic,
                    envelope.value,
                    key=envelope.key,
                    headers=headers,
                    partition=envelope.place.partition,
                    on_delivery=self._on_delivery,
                )
                self._producer.poll(0)
                return
            except BufferError as error:
                if is_last:
                    raise NotDelivered(
                        "The producer's queue is full, and the broker accepts no messages: check the broker"
                    ) from error
                self._wait_for_delivery()
            except KafkaException as error:
                if is_last or not self.has_partitions([topic], [envelope.place.partition]):  # it may be new
                    place = f"{topic}/{envelope.place.partition}"
                    raise NotDelivered(f"{place} does not take a message: {explain(error)}") from error

    def has_partitions(self, topics: Iterable[str], partitions: Iterable[int]) -> bool:
        """Whether each topic has all of these partitions. Raises NotDelivered if the broker does not answer."""
        expected = set(partitions)
        try:
            found = [self._describe(topic) for topic in topics]
        except KafkaException as error:
            raise NotDelivered(f"The broker does not describe its topics: {explain(error)}") from error
        return all(expected <= topic.partitions.keys() for topic in found)

    def _describe(self, topic: str) -> Any:
        return self._producer.list_topics(topic, timeout=settings.KAFKA_ANSWER_SECONDS).topics[topic]

    def flush(self) -> None:
        """Wait until all messages are delivered. Raises NotDelivered; all must then be forwarded again."""
        began = time.monotonic()
        undelivered = self._wait_for_delivery()
        refused, self._refused = self._refused, []
        if undelivered or refused:
            raise NotDelivered(
                f"The broker did not accept {undelivered + len(refused)} parked or replayed messages: "
                f"{', '.join(sorted(set(refused))) or f'no answer within {time.monotonic() - began:.1f} s'}{_reason()}"
            )

    def _wait_for_delivery(self) -> int:
        """Wait for delivery, and return the number of messages that are not delivered in time."""
        end = time.monotonic() + self._flush_seconds
        while left := self._producer.flush(min(_POLL_SECONDS, self._flush_seconds)):
            now = time.monotonic()
            if self._stop is not None and self._stop.is_set():
                end = min(end, now + STOPPING_SECONDS)
            if now >= end:
                return left
        return 0

    def _on_delivery(self, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._refused.append(error.str())


def _reason() -> str:
    reason = connection_errors.reason
    return f" ({reason})" if reason else ""
