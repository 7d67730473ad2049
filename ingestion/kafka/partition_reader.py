"""Reads a range of one partition, outside of any consumer group."""

from collections.abc import Iterator
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from django.conf import settings

from .client import new_consumer
from .names import reading_group

BATCH = 2_000


def read_partition(topic: str, partition: int, first: int, end: int) -> Iterator[list[Any]]:
    """The messages from offset `first` to `end` (exclusive), in batches. Raises KafkaException, also if the broker has
    deleted some of them."""
    if first >= end:
        return
    config = {
        "group.id": reading_group(),
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",  # else it would continue at the end of the log and skip the messages left
    }
    client = new_consumer(config)
    try:
        client.assign([TopicPartition(topic, partition, first)])
        position = first
        while position < end:
            # consume() would wait for messages beyond `end`
            messages = client.consume(min(BATCH, end - position), 0.5) or client.consume(
                1, settings.KAFKA_ANSWER_SECONDS
            )
            if not messages:
                reason = f"no messages of {topic}/{partition} within {settings.KAFKA_ANSWER_SECONDS:g} s"
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, reason))
            batch = [message for message in messages if message.error() is None and (message.offset() or 0) < end]
            if batch:
                yield batch
            position = _position(messages, position, end)
    finally:
        client.close()


def _position(messages: list[Any], position: int, end: int) -> int:
    for message in messages:
        error = message.error()
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            return end
        if error is not None and not error.retriable():
            raise KafkaException(error)
    return max((message.offset() + 1 for message in messages if message.error() is None), default=position)
