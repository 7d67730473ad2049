"""Publishes served recommendations to the topic `recommendations`. Publishing neither delays nor fails requests."""

import atexit
import ctypes
import logging
import threading
import time
from contextlib import suppress
from enum import StrEnum
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer
from django.conf import settings

from ingestion import metrics
from ingestion.errors import BrokerUnavailable
from ingestion.kafka.client import new_producer
from ingestion.messages.envelope import CASINO_HEADER
from ingestion.topics import RECOMMENDATIONS
from recommendations.serving.recommendation import ServedRecommendation
from tenants.process_state import register

logger = logging.getLogger(__name__)

QUEUED_MESSAGES = 10_000  # some megabytes; enough for a short outage of the broker
EXIT_SECONDS = 2.0
_LINGER_MILLISECONDS = 50
_DELIVERY_MILLISECONDS = 300_000
_RETRY_SECONDS = 5.0
_LOG_SECONDS = 60.0

_encode = msgspec.json.Encoder(decimal_format="number").encode


class DropReason(StrEnum):
    """The reason for dropping a message."""

    NO_BROKER = "no_broker"
    QUEUE_FULL = "queue_full"
    REFUSED = "refused"
    NOT_DELIVERED = "not_delivered"


class Publisher:
    """A process's producer, created with its first message. Thread-safe."""

    _producer: Producer | None
    _topic: str
    _lock: threading.Lock
    _retry_at: float
    _drops: "DropLog"

    def __init__(self, *, queued_messages: int = QUEUED_MESSAGES) -> None:
        self._queued_messages = queued_messages
        self._reset()

    def publish(self, casino_id: int, served: ServedRecommendation, **signal: object) -> None:
        """Queue the message, or drop it; do nothing if `PUBLISH_RECOMMENDATIONS` is off. Never waits for the broker and
        never raises its errors. A receiver of the signal `recommendation_served`."""
        if not settings.PUBLISH_RECOMMENDATIONS:
            return
        producer = self._producer or self._start()
        if producer is None:
            self._drops.note(DropReason.NO_BROKER)
            return
        try:
            producer.poll(0)  # first: it removes delivered messages from the queue
            producer.produce(
                self._topic,
                _encode(served),
                key=str(served.user_id),
                headers=[(CASINO_HEADER, str(casino_id))],
                on_delivery=self._on_delivery,
            )
        except BufferError:
            self._drops.note(DropReason.QUEUE_FULL)
        except KafkaException as error:
            self._note_refusal(error)

    def close(self, seconds: float = EXIT_SECONDS) -> None:
        """Wait up to `seconds` for the delivery of queued messages. A later `publish` creates a new producer."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        with suppress(KafkaException):  # a producer delivers nothing after a fatal error
            producer.flush(seconds)
        if left := len(producer):
            self._drops.note(DropReason.NOT_DELIVERED, left)

    def reset_after_fork(self) -> None:
        """Start without a producer in a forked process."""
        if self._producer is not None:  # another thread of the parent has created it after `close`
            # Freeing it would wait for threads that do not exist here: never free it.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._producer))
        self._reset()  # with new locks: a thread of the parent may have held the old ones

    def _reset(self) -> None:
        self._producer = None
        self._topic = ""
        self._lock = threading.Lock()
        self._retry_at = 0.0
        self._drops = DropLog()

    def _start(self) -> Producer | None:
        """The producer; None if no broker was found in the last seconds."""
        with self._lock:
            if self._producer is None and time.monotonic() >= self._retry_at:
                try:
                    self._topic = RECOMMENDATIONS.full_name
                    self._producer = new_producer(self._config())
                except BrokerUnavailable:
                    self._back_off()
            return self._producer

    def _config(self) -> dict[str, Any]:
        return {
            "enable.idempotence": True,
            "linger.ms": _LINGER_MILLISECONDS,
            "message.timeout.ms": _DELIVERY_MILLISECONDS,
            "queue.buffering.max.messages": self._queued_messages,
            "log_level": 2,  # DropLog reports an unavailable broker, not each failed connection
            "error_cb": self._drops.note_error,
        }

    def _note_refusal(self, error: KafkaException) -> None:
        self._drops.note_error(error.args[0])
        self._drops.note(DropReason.REFUSED)
        if error.args[0].fatal():  # this idempotent producer can't continue; a new one may
            self._producer = None
            self._back_off()

    def _back_off(self) -> None:
        self._retry_at = time.monotonic() + _RETRY_SECONDS

    def _on_delivery(self, error: KafkaError | None, message: Any) -> None:
        if error is None:
            metrics.PUBLISHED.inc()
        else:
            self._drops.note_error(error)
            self._drops.note(DropReason.NOT_DELIVERED)


class DropLog:
    """Counts dropped messages, and logs them at most once a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unlogged = 0
        self._log_at = 0.0
        self._last_error = ""

    def note(self, reason: DropReason, count: int = 1) -> None:
        metrics.DROPPED.labels(reason.value).inc(count)
        with self._lock:
            self._unlogged += count
            now = time.monotonic()
            if now < self._log_at:
                return
            unlogged, self._unlogged, self._log_at = self._unlogged, 0, now + _LOG_SECONDS
        reasons = ": ".join(filter(None, (reason.value, self._last_error)))
        logger.warning("%d served recommendations were not published: %s", unlogged, reasons)

    def note_error(self, error: KafkaError) -> None:
        """Keep the error for the next log line."""
        self._last_error = str(error.str())


publisher = Publisher()
register(
    "publisher of recommendations",
    # A forked process must not start while a thread of librdkafka resolves a host name: `getaddrinfo` holds a lock of
    # the C library. The child would never release it, and each later DNS lookup there would wait for ever.
    before_fork=publisher.close,
    after_fork=publisher.reset_after_fork,
)
atexit.register(publisher.close)
