"""What librdkafka says about its connections, in place of a message."""

import logging
from typing import Any

from confluent_kafka import KafkaException

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
