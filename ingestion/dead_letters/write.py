"""Writes dead letters: rejected messages, byte for byte, in `<topic>.dead` with the reason in headers."""

import logging
from collections.abc import Iterable
from datetime import datetime

from ingestion.kafka.forwarder import Forwarder
from ingestion.messages.decoding import Rejection
from ingestion.messages.envelope import Envelope
from ingestion.outcomes import MessageResult
from ingestion.topics import Topic

logger = logging.getLogger(__name__)

PREFIX = "dead."


class DeadLetters:
    """Writes one topic's dead letters. After a crash a message may be written twice; both have the same place."""

    def __init__(self, topic: Topic, forwarder: Forwarder) -> None:
        self._topic = topic
        self._forwarder = forwarder

    def has_partition(self, partition: int) -> bool:
        """Whether the dead letters' topic has this partition. Raises NotDelivered."""
        return self._forwarder.has_partitions([self._topic.dead], [partition])

    def send(self, results: Iterable[MessageResult], now: datetime) -> None:
        """Send the rejected messages, and wait for the broker's acknowledgement. Raises NotDelivered."""
        for result in results:
            if result.rejection is not None:
                added = rejection_headers(result.envelope, result.rejection, now)
                self._forwarder.forward(self._topic.dead, result.envelope, added)
                _log(result.envelope, result.rejection)
        self._forwarder.flush()


def rejection_headers(envelope: Envelope, rejection: Rejection, now: datetime) -> dict[str, str]:
    headers = {
        "place": str(envelope.place),
        "reason": rejection.code,
        "field": rejection.field,
        "detail": rejection.detail,
        "sqlstate": rejection.sqlstate,
        "attempts": str(rejection.attempts),
        "at": now.isoformat(timespec="seconds"),
        "headers": "unreadable" if envelope.headers is None else "",
    }
    return {f"{PREFIX}{name}": text for name, text in headers.items() if text}


def _log(envelope: Envelope, rejection: Rejection) -> None:
    place = envelope.place
    fields = {
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
        "casino": envelope.casino_id,
        "reason": rejection.code,
    }
    text = " ".join(f"{name}={value}" for name, value in fields.items())
    logger.warning("Rejected: %s: %s", text, rejection.detail, extra=fields)
