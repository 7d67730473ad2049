"""Consumers in processes of their own, and topics to measure them with."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from ingestion.kafka.client import client_config
from ingestion.status.lag import measure_lag
from ingestion.topics import Topic, create_topics, topic_names

_MANAGE = Path(__file__).resolve().parent.parent / "manage.py"


def recreate_topics(topic: Topic) -> None:
    """All topics created again, empty, and no consumer group of this one."""
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
    """(time, processed messages) once at least `count` messages are processed."""
    while (done := measure_lag(topic).done) < count:
        time.sleep(0.02)
    return time.perf_counter(), done
