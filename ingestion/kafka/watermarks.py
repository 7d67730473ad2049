"""The offsets of a topic's partitions."""

import time
from contextlib import closing

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from django.conf import settings

from .client import new_consumer
from .connection_errors import listening
from .names import reading_group

# The partition is new, or its broker is down.
_ELECTING = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}
_PAUSE_SECONDS = 0.2


def bounds_of(client: Consumer, place: TopicPartition) -> tuple[int, int]:
    """The low and the high watermark of a partition, once its leader is elected. Raises KafkaException if the broker
    does not answer within `KAFKA_ANSWER_SECONDS`."""
    deadline = time.monotonic() + settings.KAFKA_ANSWER_SECONDS
    while True:
        try:
            first, end = client.get_watermark_offsets(place, timeout=settings.KAFKA_ANSWER_SECONDS)
            return int(first), int(end)
        except KafkaException as error:
            if error.args[0].code() not in _ELECTING or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)


def watermarks(topic: str, group: str | None = None) -> dict[int, tuple[int, int, int]]:
    """Partition -> (low watermark, high watermark, the committed offset of `group`). `topic` is the topic's name on the
    broker.

    A group without a committed offset has the low watermark. Empty if the topic does not exist. Raises KafkaException
    if the broker does not answer within `KAFKA_ANSWER_SECONDS`.
    """
    seconds = settings.KAFKA_ANSWER_SECONDS
    config = {"group.id": group or reading_group(), "enable.auto.commit": False}
    with closing(new_consumer(config)) as client, listening(client):
        partitions = client.list_topics(topic, timeout=seconds).topics[topic].partitions
        committed = client.committed([TopicPartition(topic, each) for each in partitions], timeout=seconds)
        offsets = {}
        for place in committed:
            first, end = bounds_of(client, place)
            offsets[place.partition] = (first, end, max(place.offset, first))
        return offsets
