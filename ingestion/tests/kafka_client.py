"""Kafka in tests: sends messages, consumes a number of them, and reads committed offsets."""

import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from ingestion.consumer.consumer import TopicConsumer
from ingestion.kafka.client import client_config
from ingestion.topics import PARTITIONS, TOPICS, Topic, create_topics, topic_names
from tenants.tests.waiting import PATIENCE_SECONDS, wait_until

NOW = datetime.now(UTC)

Message = tuple[int | str | None, Any]  # casino (None: no header), value (bytes, None, or encoded as JSON)


class Until(threading.Event):
    """A stop event that is set once `is_done`, or after PATIENCE_SECONDS. `on_wait` runs before each wait."""

    def __init__(self, is_done: Callable[[], bool], on_wait: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._is_done, self._on_wait = is_done, on_wait
        self._deadline = time.monotonic() + PATIENCE_SECONDS

    def is_set(self) -> bool:
        return super().is_set() or self._is_done() or time.monotonic() > self._deadline

    def wait(self, timeout: float | None = None) -> bool:
        self._on_wait()
        return self.is_set() or super().wait(timeout)


def send(topic: Topic, messages: Iterable[Message], *, partition: int = 0) -> None:
    producer = Producer(client_config())
    for casino, value in messages:
        headers: dict[str, str | bytes | None] = {} if casino is None else {"casino_id": str(casino)}
        body = value if value is None or isinstance(value, bytes) else msgspec.json.encode(value)
        producer.produce(topic.full_name, body, headers=headers, partition=partition)
        producer.poll(0)
    assert producer.flush(PATIENCE_SECONDS) == 0


def send_raw(
    name: str, value: bytes | None, headers: Iterable[tuple[str, bytes | None]], *, partition: int = 0
) -> None:
    """Send one message to the topic of this name, with any headers."""
    producer = Producer(client_config())
    producer.produce(name, value, headers=[*headers], partition=partition)
    assert producer.flush(PATIENCE_SECONDS) == 0


def consume(topic: Topic, count: int, on_wait: Callable[[], None] = lambda: None) -> TopicConsumer:
    """Run a consumer until it has counted `count` messages, and no more."""
    consumer: TopicConsumer = TopicConsumer(topic, Until(lambda: consumer.counts.total() >= count, on_wait))
    consumer.run()
    assert consumer.counts.total() == count
    return consumer


def read_all(topic: Topic, count: int) -> list[Any]:
    return read_named(topic.full_name, count)


def read_named(name: str, count: int, *, seconds: float = PATIENCE_SECONDS) -> list[Any]:
    """The first messages of all partitions of the topic of this name."""
    client = Consumer(client_config() | {"group.id": "tests", "enable.auto.commit": False})
    client.assign([TopicPartition(name, partition, 0) for partition in range(PARTITIONS)])
    messages: list[Any] = []
    deadline = time.monotonic() + seconds
    while len(messages) < count and time.monotonic() < deadline:
        messages += client.consume(count, 0.1)
    client.close()
    return messages


def rewind(topic: Topic) -> None:
    """Reset the committed offsets of the topic's group, which must have no members."""
    client = Consumer(client_config() | {"group.id": topic.group, "session.timeout.ms": 2_000})
    client.subscribe([topic.full_name])
    wait_until(lambda: client.poll(0.1) or client.assignment())
    beginning = [TopicPartition(topic.full_name, number, 0) for number in range(PARTITIONS)]
    client.commit(offsets=beginning, asynchronous=False)
    client.close()


def committed(topic: Topic) -> dict[int, int]:
    """Partition -> committed offset of the topic's group; partitions without one are left out."""
    client = Consumer(client_config() | {"group.id": topic.group})
    offsets = client.committed([TopicPartition(topic.full_name, number) for number in range(PARTITIONS)], timeout=120)
    client.close()
    return {each.partition: each.offset for each in offsets if each.offset >= 0}


def in_second_group(topic: Topic) -> Topic:
    """The topic with another consumer group, which reads it from the beginning."""
    return replace(topic, group_name=f"second-{topic.name}")


def remake_topics() -> None:
    """Recreate topics and groups on a real broker."""
    admin = AdminClient(client_config())
    groups = [kind.group for topic in TOPICS.values() for kind in (topic, in_second_group(topic))]
    for future in (*admin.delete_consumer_groups(groups).values(), *admin.delete_topics(topic_names()).values()):
        future.exception()  # the topics may be missing
    wait_until(lambda: not set(topic_names()) & set(admin.list_topics(timeout=120).topics))
    create_topics()
    wait_until(have_leaders)


def have_leaders() -> bool:
    """Whether all partitions have leaders: a real broker lists a topic just before that.

    Uses a new client, which has no cached leaders of the deleted topics.
    """
    admin = AdminClient(client_config())
    places = [TopicPartition(name, partition) for name in topic_names() for partition in range(PARTITIONS)]
    answers = admin.list_offsets({place: OffsetSpec.latest() for place in places}).values()
    return all(answer.exception() is None for answer in answers)


def closed_port() -> str:
    """An address without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
