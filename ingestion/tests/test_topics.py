import logging

import pytest
from confluent_kafka.admin import AdminClient

from ingestion.errors import BrokerUnavailable
from ingestion.kafka.embedded_broker import running_embedded_broker
from ingestion.topics import TOPICS, create_topics
from tenants.tests.waiting import require_quick

from .kafka_client import closed_port
from .manage_processes import manage, subprocess_environment


def test_topics_are_the_casinos_five_and_recommendations():
    assert {name: topic.name for name, topic in TOPICS.items()} == {
        name: name for name in ("events", "coupons", "users", "recommendations", "odds", "impressions")
    }
    assert len({topic.group for topic in TOPICS.values()}) == 6


def test_existing_topics_are_not_changed(broker):
    assert create_topics() == []
    topics = AdminClient({"bootstrap.servers": broker}).list_topics(timeout=120).topics
    assert {name: len(topic.partitions) for name, topic in topics.items() if name in TOPICS} == dict.fromkeys(TOPICS, 3)


def test_unavailable_broker_is_an_error_after_the_startup_time(settings, caplog):
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()
    settings.KAFKA_STARTUP_SECONDS = 0.1

    def require_an_error() -> None:
        text = r"The topics could not be created: .*(transport|timed out)"
        with pytest.raises(BrokerUnavailable, match=text):
            create_topics()

    require_quick(require_an_error, 10)


def test_missing_embedded_broker_is_an_error(settings, tmp_path):
    settings.KAFKA_BOOTSTRAP_SERVERS = ""
    settings.EMBEDDED_BROKER_FILE = tmp_path / "broker.json"
    settings.KAFKA_STARTUP_SECONDS = 0.1
    with pytest.raises(BrokerUnavailable, match="No Kafka broker: set KAFKA_BOOTSTRAP_SERVERS"):
        create_topics()


@pytest.mark.slow
def test_create_topics_waits_for_a_starting_broker(settings, tmp_path):
    settings.KAFKA_BOOTSTRAP_SERVERS = ""
    settings.EMBEDDED_BROKER_FILE = tmp_path / "broker.json"
    settings.KAFKA_STARTUP_SECONDS = 120
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)
    environment = subprocess_environment(LOCAL_DIR=str(tmp_path), KAFKA_BOOTSTRAP_SERVERS="")
    with manage("run_embedded_broker", env=environment) as process:
        assert running_embedded_broker() is None
        assert create_topics() == []
        process.terminate()
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert out.startswith("Embedded broker on 127.0.0.1:")
    assert list(tmp_path.glob("broker*")) == []
