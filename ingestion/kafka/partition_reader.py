"""Reading a stretch of one partition, outside of any consumer group."""

from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from .client import client_config

BATCH = 2_000
_WAIT_SECONDS = 10.0


def read_partition(topic: str, partition: int, first: int, end: int) -> Iterator[list[Any]]:
    """The messages from offset `first` up to before `end`, in batches. Raises KafkaException if they can't be had."""
    if first >= end:
        return
    config = {"group.id": "recsys-reading", "enable.auto.commit": False, "enable.partition.eof": True}
    client = Consumer(client_config() | config)
    try:
        client.assign([TopicPartition(topic, partition, first)])
        position = first
        while position < end:
            # not more than there are: asked for more, it would wait for them in vain
            messages = client.consume(min(BATCH, end - position), 0.5) or client.consume(1, _WAIT_SECONDS)
            if not messages:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{topic}/{partition} can't be read"))
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
