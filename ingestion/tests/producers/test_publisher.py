"""Publishing served recommendations: without Kafka no request waits or fails, and dropped messages are counted."""

import ctypes
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count, islice
from typing import Any
from uuid import UUID

import msgspec
import pytest
from prometheus_client import REGISTRY

from ingestion.kafka.embedded_broker import EmbeddedBroker
from ingestion.messages.formats import ServedEventMessage, ServedMessage
from ingestion.producers.publisher import Publisher
from ingestion.tests.kafka_client import closed_port, read_all
from ingestion.tests.manage_processes import subprocess_environment
from ingestion.topics import PARTITIONS, RECOMMENDATIONS
from recommendations.serving.recommendation import ServedEvent, ServedRecommendation
from tenants.tests.waiting import require_quick, wait_until

pytestmark = pytest.mark.slow

INIT_PRODUCER_ID, CLUSTER_AUTHORIZATION_FAILED = 22, 31  # codes of Kafka's protocol
QUICK_SECONDS = 4  # ample on a busy machine, and less than one wait for a broker


def served(number=1, **changes):
    fields: dict[str, Any] = {
        "recommendation_id": UUID(int=number),
        "user_id": 31,
        "timestamp": datetime(2026, 6, 1, 12, tzinfo=UTC),
        "recommender": "static",
        "asked_for": "inference",
        "fallback": "soonest",
        "model_version": "als-7",
        "stake": Decimal("25.50"),
        "currency": "EUR",
        "events": (ServedEvent(7, 2.69, 0.5), ServedEvent(8, Decimal("1.050"))),
        "took_ms": 2.25,
    }
    return ServedRecommendation(**fields | changes)


def published():
    return REGISTRY.get_sample_value("recsys_recommendations_published_total") or 0


def dropped(reason):
    return REGISTRY.get_sample_value("recsys_recommendations_dropped_total", {"reason": reason}) or 0


@pytest.fixture(autouse=True)
def publishing_is_on(settings):
    settings.PUBLISH_RECOMMENDATIONS = True


@pytest.fixture
def publisher():
    publisher = Publisher()
    yield publisher
    publisher.close(0)


@pytest.fixture
def no_broker(settings):
    """An unavailable broker."""
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()


def test_message_has_all_served_fields_and_the_casino(broker, publisher):
    before = published()
    publisher.publish(2, served())
    publisher.close(10)
    assert published() == before + 1
    [message] = read_all(RECOMMENDATIONS, 1)
    assert (message.key(), message.headers()) == (b"31", [("casino_id", b"2")])
    assert json.loads(message.value()) == {
        "recommendation_id": "00000000-0000-0000-0000-000000000001",
        "user_id": 31,
        "timestamp": "2026-06-01T12:00:00Z",
        "recommender": "static",
        "asked_for": "inference",
        "fallback": "soonest",
        "model_version": "als-7",
        "stake": 25.5,
        "currency": "EUR",
        "events": [{"event_id": 7, "odd": 2.69, "score": 0.5}, {"event_id": 8, "odd": 1.05, "score": None}],
        "took_ms": 2.25,
    }


@pytest.mark.parametrize(
    ("message", "struct"), [(ServedMessage, ServedRecommendation), (ServedEventMessage, ServedEvent)]
)
def test_format_has_the_fields_of_the_served_recommendation(message, struct):
    def fields(kind):
        return {field.name for field in msgspec.structs.fields(kind)}

    assert fields(message) == fields(struct)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_non_finite_score_is_null(broker, publisher, score):
    publisher.publish(1, served(events=(ServedEvent(7, 2.5, score),)))
    publisher.close(10)
    [message] = read_all(RECOMMENDATIONS, 1)
    assert msgspec.json.decode(message.value(), type=ServedMessage).events[0].score is None


def test_messages_of_one_user_stay_in_order(broker, publisher):
    for number in range(200):
        publisher.publish(1, served(number, user_id=31 + number % 2))
    publisher.close(10)
    numbers: dict[bytes, list[str]] = {b"31": [], b"32": []}
    for message in read_all(RECOMMENDATIONS, 200):
        numbers[message.key()].append(json.loads(message.value())["recommendation_id"])
    assert all(places == sorted(places) and len(places) == 100 for places in numbers.values())


def test_unavailable_broker_delays_no_request_and_drops_are_counted(no_broker, publisher):
    before, numbers = dropped("not_delivered"), count()

    def publish_100() -> None:
        for number in islice(numbers, 100):
            publisher.publish(1, served(number))

    require_quick(publish_100, QUICK_SECONDS)
    publisher.close(0.1)
    assert dropped("not_delivered") == before + next(numbers)


def test_full_queue_drops_messages(no_broker):
    publisher, before, numbers = Publisher(queued_messages=10), dropped("queue_full"), count()

    def publish_25() -> None:
        for number in islice(numbers, 25):
            publisher.publish(1, served(number))

    require_quick(publish_25, QUICK_SECONDS)
    assert dropped("queue_full") == before + next(numbers) - 10
    publisher.close(0)


def test_without_a_broker_messages_are_dropped_and_the_next_attempt_is_later(settings, tmp_path, publisher):
    settings.KAFKA_BOOTSTRAP_SERVERS = ""
    settings.EMBEDDED_BROKER_FILE = tmp_path / "broker.json"
    before = dropped("no_broker")
    publisher.publish(1, served())
    settings.EMBEDDED_BROKER_FILE.write_text("no JSON")  # not read again before the next attempt
    publisher.publish(1, served())
    assert dropped("no_broker") == before + 2


def test_queued_messages_are_delivered_when_the_broker_is_available_again(settings, publisher):
    with EmbeddedBroker() as embedded:
        embedded.create_topic(RECOMMENDATIONS.name, PARTITIONS)
        settings.KAFKA_BOOTSTRAP_SERVERS = embedded.bootstrap_servers
        embedded._lib.rd_kafka_mock_broker_set_down(ctypes.c_void_p(embedded._cluster), 1)
        publisher.publish(1, served())
        embedded._lib.rd_kafka_mock_broker_set_up(ctypes.c_void_p(embedded._cluster), 1)
        assert len(read_all(RECOMMENDATIONS, 1)) == 1


def test_producer_is_replaced_after_a_fatal_error(settings, publisher, caplog):
    with EmbeddedBroker() as embedded:
        embedded.create_topic(RECOMMENDATIONS.name, PARTITIONS)
        settings.KAFKA_BOOTSTRAP_SERVERS = embedded.bootstrap_servers
        cluster = ctypes.c_void_p(embedded._cluster)
        embedded._lib.rd_kafka_mock_push_request_errors(cluster, INIT_PRODUCER_ID, 1, CLUSTER_AUTHORIZATION_FAILED)
        publisher.publish(1, served(1))
        before = dropped("refused")
        wait_until(lambda: publisher.publish(1, served(2)) or dropped("refused") > before)
        assert "Cluster authorization failed" in caplog.text
        publisher._retry_at = 0.0
        publisher.publish(1, served(3))
        publisher.close(10)
        assert len(read_all(RECOMMENDATIONS, 1)) == 1


def test_drops_are_logged_once_a_minute_with_kafkas_error(no_broker, publisher, caplog):
    caplog.set_level(logging.WARNING)
    publisher = Publisher(queued_messages=1)
    for number in range(50):
        publisher.publish(1, served(number))
    assert [record.name for record in caplog.records] == ["ingestion.producers.publisher"]
    assert "1 served recommendations were not published: queue_full" in caplog.text
    wait_until(lambda: publisher.publish(1, served()) or "Connection refused" in publisher._drops._last_error)
    publisher._drops._log_at = 0.0
    publisher.publish(1, served())
    assert "Connection refused" in caplog.text
    publisher.close(0)


def test_nothing_is_published_if_switched_off(broker, publisher, settings):
    settings.PUBLISH_RECOMMENDATIONS = False
    publisher.publish(1, served())
    assert publisher._producer is None


@pytest.mark.exhaustive
def test_each_forked_process_publishes_with_its_own_producer(broker):
    ran = subprocess.run(
        [sys.executable, "-m", "ingestion.tests.fork_while_publishing"],
        env=subprocess_environment(
            KAFKA_BOOTSTRAP_SERVERS=broker,
            DJANGO_SETTINGS_MODULE="recsys_project.settings",
            PUBLISH_RECOMMENDATIONS="1",
        ),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    users = sorted(int(message.key()) for message in read_all(RECOMMENDATIONS, 40))
    assert users == [1] * 20 + [2] * 10 + [3] * 10
    assert json.loads(ran.stdout) == {"statuses": [0, 0], "threads": [[], []]}


@pytest.mark.exhaustive
def test_process_without_a_broker_exits_without_waiting_for_delivery(no_broker, settings):
    ran = subprocess.run(
        [sys.executable, "-m", "ingestion.tests.fork_while_publishing"],
        env=subprocess_environment(
            KAFKA_BOOTSTRAP_SERVERS=settings.KAFKA_BOOTSTRAP_SERVERS, DJANGO_SETTINGS_MODULE="recsys_project.settings"
        ),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0
    assert "not_delivered" in ran.stderr
