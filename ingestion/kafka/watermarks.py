"""The offsets of a topic's partitions."""

from contextlib import closing

from confluent_kafka import Consumer, TopicPartition
from django.conf import settings

from .client import client_config
from .connection_errors import listening


def watermarks(topic: str, group: str = "recsys-reading") -> dict[int, tuple[int, int, int]]:
    """Partition -> (low watermark, high watermark, the committed offset of `group`) of a topic.

    A group without a committed offset has the low watermark. Empty if the topic does not exist. Raises KafkaException
    if the broker does not answer within `KAFKA_ANSWER_SECONDS`.
    """
    seconds = settings.KAFKA_ANSWER_SECONDS
    config = {"group.id": group, "enable.auto.commit": False}
    with closing(Consumer(client_config() | config)) as client, listening(client):
        partitions = client.list_topics(topic, timeout=seconds).topics[topic].partitions
        committed = client.committed([TopicPartition(topic, each) for each in partitions], timeout=seconds)
        offsets = {}
        for place in committed:
            first, end = client.get_watermark_offsets(place, timeout=seconds)
            offsets[place.partition] = (first, end, max(place.offset, first))
        return offsets
