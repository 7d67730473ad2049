"""Consumers in their own processes, and empty topics to measure them with."""

import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from django.conf import settings

from ingestion.kafka.client import client_config, new_consumer
from ingestion.topics import Topic, create_topics, topic_names

_MANAGE = Path(__file__).resolve().parent.parent / "manage.py"


def recreate_topics(topic: Topic) -> None:
    """Create all topics again, empty, and delete this topic's consumer group."""
    admin = AdminClient(client_config())
    for future in (
        *admin.delete_topics(topic_names()).values(),
        *admin.delete_consumer_groups([topic.group]).values(),
    ):
        future.exception()
    while set(topic_names()) & set(admin.list_topics(timeout=10).topics):
        time.sleep(0.1)
    create_topics()


def consumer(topic: Topic, **environment: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, str(_MANAGE), f"consume_{topic.name}"]
    return StoppedProcess(command, stdout=subprocess.DEVNULL, env=os.environ | environment)


class StoppedProcess(subprocess.Popen[bytes]):
    """A process that is terminated at the end of the block."""

    def __exit__(self, *error: Any) -> None:
        self.terminate()
        super().__exit__(*error)


def wait_for(topic: Topic, count: float) -> tuple[float, int]:
    """(time, processed messages) once at least `count` messages of a new topic are processed.

    Polls with one client, for committed offsets only: with a new client for each poll, and the ends of all partitions,
    the broker used as much processor time as half of a consumer.
    """
    seconds = settings.KAFKA_ANSWER_SECONDS
    with closing(new_consumer({"group.id": topic.group, "enable.auto.commit": False})) as client:
        numbers = client.list_topics(topic.full_name, timeout=seconds).topics[topic.full_name].partitions
        places = [TopicPartition(topic.full_name, number) for number in numbers]
        while (done := sum(max(each.offset, 0) for each in client.committed(places, timeout=seconds))) < count:
            time.sleep(0.02)
        return time.perf_counter(), done
