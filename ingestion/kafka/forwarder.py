"""Messages passed on as they came: to the dead letters, and to the parked ones."""

from typing import Any

from confluent_kafka import KafkaError, Producer

from ingestion.errors import NotDelivered
from ingestion.messages.envelope import Envelope

from .client import client_config

FLUSH_SECONDS = 30.0
MAX_BYTES = 8_000_000  # a message that Kafka took must pass with some headers more


class Forwarder:
    """Passes messages on in their order, without a gap, until the broker has them.

    A message that is not delivered yet stays queued for ever, in its place: what is passed on after it comes after it.
    """

    def __init__(self, *, flush_seconds: float = FLUSH_SECONDS) -> None:
        self._flush_seconds = flush_seconds
        self._refused: list[str] = []
        self._producer = Producer(
            client_config()
            | {
                "enable.idempotence": True,
                "enable.gapless.guarantee": True,
                "message.timeout.ms": 0,
                "message.max.bytes": MAX_BYTES,
                "linger.ms": 5,
            }
        )

    def forward(self, topic: str, envelope: Envelope, added: dict[str, str]) -> None:
        """Queue the message for the same partition of `topic`, with these headers added. Raises NotDelivered if the
        queue is full and stays so."""
        headers: list[Any] = [*(envelope.headers or ()), *((name, text.encode()) for name, text in added.items())]
        for has_waited in (False, True):
            try:
                self._producer.produce(
                    topic,
                    envelope.value,
                    key=envelope.key,
                    headers=headers,
                    partition=envelope.place.partition,
                    on_delivery=self._delivered,
                )
                self._producer.poll(0)
                return
            except BufferError as error:
                if has_waited:
                    raise NotDelivered("The broker takes no messages, and the queue for it is full") from error
                self._producer.flush(self._flush_seconds)

    def flush(self) -> None:
        """Wait until the broker has all of it. Raises NotDelivered; then the same messages have to come again."""
        undelivered = self._producer.flush(self._flush_seconds)
        refused, self._refused = self._refused, []
        if undelivered or refused:
            raise NotDelivered(
                f"The broker did not take {undelivered + len(refused)} messages that were to be kept as dead letters "
                f"or parked: {', '.join(sorted(set(refused))) or 'no answer in time'}"
            )

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._refused.append(error.str())
