"""How far a topic's partitions reach."""

from contextlib import closing

from confluent_kafka import Consumer, TopicPartition

from .client import client_config

_SECONDS = 10.0


def watermarks(topic: str, group: str = "recsys-reading") -> dict[int, tuple[int, int, int]]:
    """Partition -> (first offset, the offset after the last, where `group` goes on) of a topic.

    A group that has not committed yet goes on at the first. No partitions, where there is no such topic. Raises
    KafkaException if the broker does not answer within 10 s.
    """
    config = {"group.id": group, "enable.auto.commit": False}
    with closing(Consumer(client_config() | config)) as client:
        partitions = client.list_topics(topic, timeout=_SECONDS).topics[topic].partitions
        committed = client.committed([TopicPartition(topic, each) for each in partitions], timeout=_SECONDS)
        reach = {}
        for place in committed:
            first, end = client.get_watermark_offsets(place, timeout=_SECONDS)
            reach[place.partition] = (first, end, max(place.offset, first))
        return reach
