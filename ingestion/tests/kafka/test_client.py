import json
import time

import pytest
from confluent_kafka.admin import AdminClient

from ingestion.errors import BrokerUnavailable
from ingestion.kafka.client import client_config
from ingestion.kafka.embedded_broker import EmbeddedBroker, announced, running_embedded_broker
from ingestion.tests.manage_processes import manage, subprocess_environment
from ingestion.topics import PARTITIONS


@pytest.fixture
def nothing_configured(settings, tmp_path):
    settings.KAFKA_BOOTSTRAP_SERVERS = ""
    settings.EMBEDDED_BROKER_FILE = tmp_path / "deep" / "broker.json"
    return settings.EMBEDDED_BROKER_FILE


def test_embedded_broker_has_the_requested_partitions():
    with EmbeddedBroker() as broker:
        broker.create_topic("events", PARTITIONS)
        broker.create_topic("other", 5)
        topics = AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=120).topics
    assert {name: len(topic.partitions) for name, topic in topics.items()} == {"events": 3, "other": 5}


def test_embedded_broker_listens_on_loopback_only():
    with EmbeddedBroker() as broker:
        assert broker.bootstrap_servers.startswith("127.0.0.1:")


def test_creating_an_existing_topic_is_an_error():
    with EmbeddedBroker() as broker:
        broker.create_topic("events", PARTITIONS)
        with pytest.raises(BrokerUnavailable, match="refused the topic events"):
            broker.create_topic("events", PARTITIONS)


def test_two_embedded_brokers_are_independent():
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        one.create_topic("events", PARTITIONS)
        assert AdminClient({"bootstrap.servers": other.bootstrap_servers}).list_topics(timeout=120).topics == {}


def test_settings_name_the_broker(settings):
    settings.KAFKA_BOOTSTRAP_SERVERS = "kafka-1:9092,kafka-2:9092"
    assert client_config()["bootstrap.servers"] == "kafka-1:9092,kafka-2:9092"


def test_missing_broker_is_an_error(nothing_configured):
    with pytest.raises(BrokerUnavailable, match=r"set KAFKA_BOOTSTRAP_SERVERS, or .*run_embedded_broker"):
        client_config()


def test_missing_broker_is_an_error_after_the_deadline(nothing_configured):
    begin = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        client_config(deadline=begin + 0.3)
    assert time.monotonic() - begin >= 0.3


def test_announced_broker_is_found_only_while_it_runs(nothing_configured):
    with EmbeddedBroker() as broker:
        with announced(broker):
            assert running_embedded_broker() == client_config()["bootstrap.servers"] == broker.bootstrap_servers
        assert running_embedded_broker() is None
    assert list(nothing_configured.parent.iterdir()) == []


def test_announcement_ends_after_an_error(nothing_configured):
    with EmbeddedBroker() as broker, pytest.raises(RuntimeError), announced(broker):
        raise RuntimeError
    assert running_embedded_broker() is None


def test_file_of_a_dead_broker_is_ignored(nothing_configured):
    nothing_configured.parent.mkdir()
    nothing_configured.write_text(json.dumps({"bootstrap_servers": "127.0.0.1:1"}))
    assert running_embedded_broker() is None


@pytest.mark.slow
def test_another_process_finds_the_broker(nothing_configured, tmp_path):
    with EmbeddedBroker() as broker, announced(broker):
        environment = subprocess_environment(LOCAL_DIR=str(nothing_configured.parent), KAFKA_BOOTSTRAP_SERVERS="")
        with manage("run_embedded_broker", env=environment) as second:
            _, error = second.communicate(timeout=120)
        assert second.returncode == 1
        assert f"already runs on {broker.bootstrap_servers}" in error
        assert running_embedded_broker() == broker.bootstrap_servers
