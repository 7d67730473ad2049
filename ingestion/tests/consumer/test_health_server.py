"""A consumer's HTTP pages."""

import re
import urllib.error
import urllib.request

import pytest

from ingestion.consumer import health_server
from ingestion.consumer.consumer import TopicConsumer
from ingestion.consumer.health_server import Health, serving
from ingestion.tests.kafka_client import Until, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS

pytestmark = pytest.mark.slow


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def served():
    health = Health()
    with serving(health, "127.0.0.1", 0) as port:
        yield health, port


def test_consumer_is_ready_after_joining_and_while_messages_are_stored(served):
    health, port = served
    assert get(port, "/health/ready") == (503, "has not joined the consumer group yet\n")
    health.has_joined = True
    assert get(port, "/health/ready") == (200, "messages are stored\n")
    health.problem = "nothing can be stored: the catalogue's database is unavailable"
    assert get(port, "/health/ready") == (503, "nothing can be stored: the catalogue's database is unavailable\n")


def test_consumer_is_live_while_its_loop_runs(served):
    health, port = served
    status, text = get(port, "/health/live")
    assert status == 200
    assert re.fullmatch(r"last loop iteration \d+ s ago\n", text)
    health.last_loop_at -= health_server.LIVE_SECONDS + 1
    assert get(port, "/health/live")[0] == 503


def test_other_pages_are_not_found(served):
    assert get(served[1], "/secrets") == (404, "not found\n")


@pytest.mark.django_db(**IN_PROCESSES)
def test_metrics_contain_outcomes_and_consumer_lag(broker, casino_a, settings, monkeypatch):
    monkeypatch.setattr("ingestion.consumer.consumer._MEASURE_SECONDS", 0)
    send(USERS, [(1, user()), (1, b"{")])
    pages = []

    def is_done():
        pages.append(get(port, "/metrics"))
        return (
            consumer.counts.total() >= 2
            and 'recsys_ingestion_lag_messages{partition="0",topic="users"} 0.0' in pages[-1][1]
        )

    consumer = TopicConsumer(USERS, Until(is_done))
    with serving(consumer.health, "127.0.0.1", 0) as port:
        consumer.run()
    status, text = pages[-1]
    assert status == 200
    assert 'recsys_ingestion_messages_total{casino="1",outcome="malformed",topic="users"}' in text
    assert 'recsys_ingestion_lag_messages{partition="0",topic="users"} 0.0' in text
    assert 'recsys_ingestion_stage_seconds_count{stage="store",topic="users"}' in text
