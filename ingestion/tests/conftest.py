"""A broker for each test, with the three topics, all empty."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from ingestion.kafka.embedded_broker import EmbeddedBroker
from ingestion.topics import PARTITIONS, topic_names

from .kafka_client import remake_topics


@pytest.fixture
def broker(settings: Any) -> Iterator[str]:
    """The address of a broker: one of the test's own, or the real one that KAFKA_BOOTSTRAP_SERVERS names."""
    settings.KAFKA_BATCH_SECONDS = 0.05
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)  # clients that outlive the test's broker complain
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        remake_topics()
        yield settings.KAFKA_BOOTSTRAP_SERVERS
        return
    settings.KAFKA_SESSION_SECONDS = 2  # so long, less one, the embedded broker makes a group's next consumer wait
    with EmbeddedBroker() as embedded:
        for name in topic_names():
            embedded.create_topic(name, PARTITIONS)
        settings.KAFKA_BOOTSTRAP_SERVERS = embedded.bootstrap_servers
        yield embedded.bootstrap_servers
