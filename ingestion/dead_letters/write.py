"""Dead letters: messages that can't be stored, kept byte for byte in `<topic>.dead` with the reason."""

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
    """Writes one topic's dead letters. After a crash a message may be written twice; its place tells that it is one."""

    def __init__(self, topic: Topic, forwarder: Forwarder) -> None:
        self._topic = topic
        self._forwarder = forwarder

    def bury(self, verdicts: Iterable[MessageResult], now: datetime) -> None:
        """Have these rejected messages safe before returning. Raises NotDelivered."""
        for verdict in verdicts:
            if verdict.rejection is not None:
                added = death_headers(verdict.envelope, verdict.rejection, now)
                self._forwarder.forward(self._topic.dead, verdict.envelope, added)
                _log(verdict.envelope, verdict.rejection)
        self._forwarder.flush()


def death_headers(envelope: Envelope, rejection: Rejection, now: datetime) -> dict[str, str]:
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
    facts = {
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
        "casino": envelope.casino_id,
        "reason": rejection.code,
    }
    text = " ".join(f"{name}={fact}" for name, fact in facts.items())
    logger.warning("Rejected: %s: %s", text, rejection.detail, extra=facts)
