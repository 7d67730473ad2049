"""Offsets that the broker refuses are committed again. Rows are really committed."""

import ctypes

import pytest

from ingestion.consumer.consumer import TopicConsumer
from ingestion.kafka.embedded_broker import EmbeddedBroker
from ingestion.tests.kafka_client import Until, committed, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import PARTITIONS, USERS, topic_names

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow]

OFFSET_COMMIT, REBALANCE_IN_PROGRESS = 8, 27  # codes of Kafka's protocol


@pytest.fixture
def refusing_broker(settings):
    """A broker that refuses the first commit."""
    settings.KAFKA_BATCH_SECONDS = 0.05
    with EmbeddedBroker() as broker:
        for name in topic_names():
            broker.create_topic(name, PARTITIONS)
        settings.KAFKA_BOOTSTRAP_SERVERS = broker.bootstrap_servers
        cluster = ctypes.c_void_p(broker._cluster)
        broker._lib.rd_kafka_mock_push_request_errors(cluster, OFFSET_COMMIT, 1, REBALANCE_IN_PROGRESS)
        yield broker


def test_refused_offset_is_committed_without_a_further_message(refusing_broker, casino_a, caplog):
    send(USERS, [(1, user())])
    TopicConsumer(USERS, Until(lambda: committed(USERS) == {0: 1})).run()
    assert "users/0: offset 1 not committed" in caplog.text
    assert committed(USERS) == {0: 1}


def test_refused_offset_is_committed_before_the_consumer_closes(refusing_broker, casino_a, caplog):
    send(USERS, [(1, user())])
    consumer = TopicConsumer(USERS, Until(lambda: consumer.counts.total() >= 1))
    consumer.run()
    assert "users/0: offset 1 not committed" in caplog.text
    assert committed(USERS) == {0: 1}
