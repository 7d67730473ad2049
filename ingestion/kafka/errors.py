"""Errors that confluent_kafka returns instead of a message, or raises."""

import logging

from confluent_kafka import KafkaError, KafkaException

logger = logging.getLogger(__name__)


def log_or_raise(error: KafkaError) -> None:
    """Log a connection error, from which librdkafka recovers by itself. Raises KafkaException for a fatal one."""
    raise_if_fatal(KafkaException(error))
    logger.warning("Kafka: %s", error.str())


def raise_if_fatal(error: KafkaException) -> None:
    if error.args[0].fatal():
        raise error
