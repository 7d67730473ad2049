"""A broker for each test, with empty topics."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from ingestion.kafka.embedded_broker import EmbeddedBroker
from ingestion.topics import PARTITIONS, topic_names

from .kafka_client import remake_topics


@pytest.fixture(autouse=True)
def _one_thread_in_a_transaction(request: Any, settings: Any) -> None:
    """Store casinos in one thread if the test runs in a transaction, which belongs to its thread; other tests store in
    several."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        settings.INGESTION_STORING_THREADS = 1


@pytest.fixture
def broker(settings: Any) -> Iterator[str]:
    """The address of a broker: an embedded one, or the real one of KAFKA_BOOTSTRAP_SERVERS."""
    settings.KAFKA_BATCH_SECONDS = 0.05
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)  # clients that outlive the test's broker log errors
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        remake_topics()
        yield settings.KAFKA_BOOTSTRAP_SERVERS
        return
    settings.KAFKA_SESSION_SECONDS = 2  # the embedded broker delays a group's next consumer by this, less 1 s
    with EmbeddedBroker() as embedded:
        for name in topic_names():
            embedded.create_topic(name, PARTITIONS)
        settings.KAFKA_BOOTSTRAP_SERVERS = embedded.bootstrap_servers
        yield embedded.bootstrap_servers
