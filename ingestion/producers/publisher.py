"""Publishing what was served to the topic `recommendations`. No request waits for it, and none fails by it."""

import atexit
import ctypes
import logging
import os
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
from ingestion.kafka.client import client_config
from ingestion.messages.envelope import CASINO_HEADER
from ingestion.topics import RECOMMENDATIONS
from recommendations.serving.served import ServedRecommendation

logger = logging.getLogger(__name__)

QUEUED_MESSAGES = 10_000  # some megabytes; what a broker that is away for a moment does not cost
EXIT_SECONDS = 2.0
_LINGER_MILLISECONDS = 50
_DELIVERY_MILLISECONDS = 300_000
_LOOK_AGAIN_SECONDS = 5.0
_SAY_AGAIN_SECONDS = 60.0

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Drop(StrEnum):
    """Why a message was given up."""

    NO_BROKER = "no_broker"
    QUEUE_FULL = "queue_full"
    REFUSED = "refused"
    NOT_DELIVERED = "not_delivered"


class Publisher:
    """One process's producer, made when there is something to publish. Safe under threads."""

    _producer: Producer | None
    _guard: threading.Lock
    _look_again_at: float
    _losses: "Losses"

    def __init__(self, *, queued_messages: int = QUEUED_MESSAGES) -> None:
        self._queued_messages = queued_messages
        self._begin()

    def publish(self, casino_id: int, served: ServedRecommendation) -> None:
        """Queue the message, or drop it. Neither waits for the broker nor raises what it says."""
        producer = self._producer or self._start()
        if producer is None:
            self._losses.note(Drop.NO_BROKER)
            return
        try:
            producer.poll(0)  # first: what was delivered leaves its place in the queue
            producer.produce(
                RECOMMENDATIONS.name,
                _encode(served),
                key=str(served.user_id),
                headers=[(CASINO_HEADER, str(casino_id))],
                on_delivery=self._note_delivery,
            )
        except BufferError:
            self._losses.note(Drop.QUEUE_FULL)
        except KafkaException as error:
            self._note_refusal(error)

    def close(self, seconds: float = EXIT_SECONDS) -> None:
        """Wait for the broker to take what is queued, so long at most; what is published after it begins anew."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        with suppress(KafkaException):  # of a producer that can't go on; what it has not delivered is left
            producer.flush(seconds)
        if left := len(producer):
            self._losses.note(Drop.NOT_DELIVERED, left)

    def leave_to_parent(self) -> None:
        """In a process that was forked: the producer's threads run in the parent alone, and so does its queue."""
        if self._producer is not None:
            # To collect it would wait for threads that are not there: it is never collected.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._producer))
        self._begin()  # with new locks: the parent's may have been held by threads that are not here

    def _begin(self) -> None:
        self._producer = None
        self._guard = threading.Lock()
        self._look_again_at = 0.0
        self._losses = Losses()

    def _start(self) -> Producer | None:
        """The producer; None where no broker was to be found just now."""
        with self._guard:
            if self._producer is None and time.monotonic() >= self._look_again_at:
                try:
                    self._producer = Producer(client_config() | self._config())
                except BrokerUnavailable:
                    self._rest()
            return self._producer

    def _config(self) -> dict[str, Any]:
        return {
            "enable.idempotence": True,
            "linger.ms": _LINGER_MILLISECONDS,
            "message.timeout.ms": _DELIVERY_MILLISECONDS,
            "queue.buffering.max.messages": self._queued_messages,
            "log_level": 2,  # that the broker is away, the losses say, and not each attempt to reach it
            "error_cb": self._losses.note_trouble,
        }

    def _note_refusal(self, error: KafkaException) -> None:
        self._losses.note_trouble(error.args[0])
        self._losses.note(Drop.REFUSED)
        if error.args[0].fatal():  # an idempotent producer that can't go on; another one may
            self._producer = None
            self._rest()

    def _rest(self) -> None:
        self._look_again_at = time.monotonic() + _LOOK_AGAIN_SECONDS

    def _note_delivery(self, error: KafkaError | None, message: Any) -> None:
        if error is None:
            metrics.PUBLISHED.inc()
        else:
            self._losses.note_trouble(error)
            self._losses.note(Drop.NOT_DELIVERED)


class Losses:
    """Counts dropped messages, and says so in the log once a minute at most."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._unsaid = 0
        self._say_at = 0.0
        self._trouble = ""

    def note(self, reason: Drop, count: int = 1) -> None:
        metrics.DROPPED.labels(reason.value).inc(count)
        with self._guard:
            self._unsaid += count
            now = time.monotonic()
            if now < self._say_at:
                return
            unsaid, self._unsaid, self._say_at = self._unsaid, 0, now + _SAY_AGAIN_SECONDS
        reasons = ": ".join(filter(None, (reason.value, self._trouble)))
        logger.warning("%d recommendations were served and not published: %s", unsaid, reasons)

    def note_trouble(self, error: KafkaError) -> None:
        """What Kafka's client said last is what the log will say next."""
        self._trouble = str(error.str())


publisher = Publisher()
os.register_at_fork(after_in_child=publisher.leave_to_parent)
atexit.register(publisher.close)


def publish(casino_id: int, served: ServedRecommendation, **signal: object) -> None:
    """The receiver of `recommendation_served` that publishes, unless `PUBLISH_RECOMMENDATIONS` switches it off."""
    if settings.PUBLISH_RECOMMENDATIONS:
        publisher.publish(casino_id, served)
