"""Sending messages, and the dummy producers that make some up for trying the service out."""

import logging
import random
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any

from confluent_kafka import KafkaError, Producer

from recommendations.dummies import dummy_coupon, dummy_event, dummy_user
from recommendations.errors import NoOpenEvents
from recommendations.rows import Row
from tenants.context import use_casino
from tenants.models import Casino

from .brokers import client_config
from .envelopes import CASINO_HEADER
from .errors import NotDelivered
from .messages import encode_row

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 30

DUMMIES: dict[str, Callable[..., Row]] = {"users": dummy_user, "events": dummy_event, "coupons": dummy_coupon}


class Sender:
    """Sends messages and knows, at the end of its `with` block, that the broker has them all; else NotDelivered."""

    def __init__(self, *, flush_seconds: float = FLUSH_SECONDS) -> None:
        self.sent = 0
        self._flush_seconds = flush_seconds
        self._producer = Producer(client_config() | {"enable.idempotence": True, "linger.ms": 20})
        self._refused: list[str] = []

    def __enter__(self) -> "Sender":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        undelivered = self._producer.flush(self._flush_seconds)
        if kind is None and (undelivered or self._refused):
            raise NotDelivered(
                f"{undelivered} messages not delivered, {len(self._refused)} refused: {self._refused[:3]}"
            )

    def send_row(self, topic: str, casino_id: int, row: Row, *, key: str) -> None:
        self.send(topic, encode_row(row), headers={CASINO_HEADER: str(casino_id)}, key=key)

    def send(self, topic: str, value: bytes, *, headers: dict[str, str], key: str) -> None:
        """Queue a message; messages of one key keep their order. Waits while the queue is full."""
        while True:
            try:
                self._producer.produce(
                    topic, value, key=key, headers=list(headers.items()), on_delivery=self._delivered
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                self.sent += 1
                return

    def flush(self) -> None:
        self._producer.flush(self._flush_seconds)

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._refused.append(error.str())


def send_dummies(sender: Sender, topic: str, rng: random.Random, now: datetime) -> None:
    """Send one dummy message of `topic` for each active casino. A casino without users or events gets no coupons."""
    for casino in Casino.objects.active().order_by("id"):
        try:
            with use_casino(casino.current):
                row = DUMMIES[topic](rng, now=now)
        except NoOpenEvents as error:
            logger.info("No %s for %s: %s", topic, casino, error)
        else:
            sender.send_row(topic, casino.pk, row, key=f"{casino.pk}:{rng.random()}")
    sender.flush()
