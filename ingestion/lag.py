"""How far the consumers are behind their topics."""

from dataclasses import dataclass

from confluent_kafka import Consumer, TopicPartition

from .brokers import client_config
from .topics import Topic

_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Lag:
    """Messages of a topic in all its partitions: how many there are, and how many its group has done with."""

    messages: int
    done: int

    @property
    def is_none(self) -> bool:
        return self.done >= self.messages


def measure_lag(topic: Topic) -> Lag:
    """Ask the broker. Raises KafkaException if it does not answer within 10 s."""
    client = Consumer(client_config() | {"group.id": topic.group, "enable.auto.commit": False})
    try:
        partitions = client.list_topics(topic.name, timeout=_SECONDS).topics[topic.name].partitions
        places = [TopicPartition(topic.name, partition) for partition in partitions]
        messages = done = 0
        for committed in client.committed(places, timeout=_SECONDS):
            first, end = client.get_watermark_offsets(committed, timeout=_SECONDS)
            messages += end - first
            done += max(committed.offset, first) - first  # a group that never committed has a negative offset
        return Lag(messages, done)
    finally:
        client.close()
