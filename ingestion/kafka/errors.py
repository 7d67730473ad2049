"""What librdkafka says about its connections, in place of a message."""

import logging
from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

logger = logging.getLogger(__name__)


def is_notice(message: Any) -> bool:
    """Whether this is librdkafka's word on the connection instead of a message; raises for what can't be mended."""
    error = message.error()
    if error is None:
        return False
    raise_if_fatal(KafkaException(error))
    logger.warning("Kafka: %s", error.str())
    return True


def raise_if_fatal(error: KafkaException) -> None:
    if error.args[0].fatal():
        raise error


def note_commit(error: KafkaError | None, places: Iterable[TopicPartition]) -> None:
    """Told how a commit of offsets ended.

    Before it, all was stored: whoever reads these messages again, because their partitions are moving to another
    consumer or the broker is away, learns so from the ledgers.
    """
    for place in places:
        refusal = error or place.error
        if refusal is not None:
            logger.warning("%s/%d: offset not committed: %s", place.topic, place.partition, refusal.str())
