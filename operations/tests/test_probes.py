"""/health/live, /health/ready and /metrics."""

import json

import pytest
from django.db import connections

from ingestion.kafka.embedded_broker import EmbeddedBroker
from operations.health import readiness_check
from tenants.current_casino import MAIN
from tenants.databases.locks import template_lock
from tenants.databases.servers import server_cursor
from tenants.schema.template import ensure_template, template_name
from tenants.tests.server_process import environment, run_python

ASK = """
import django, json
django.setup()
from django.test import Client
answers = [Client().get(path, headers={"host": "10.0.0.7"}) for path in ("/health/live", "/health/ready")]
print(json.dumps([[answer.status_code, answer.json()] for answer in answers]))
"""
PROBES = ["/health/live", "/health/ready", "/metrics"]


@pytest.fixture
def nothing_made(db, settings):
    settings.CASINO_DATABASE_PREFIX = "nothing_made_yet_"


def test_ready_is_degraded_without_a_template(client, nothing_made):
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "degraded",
        "catalogue": "ok",
        "database_servers": "ok",
        "template": "missing: the next casino takes longer to create",
        "broker": "off",
    }


def test_ready_with_all_parts(client, real_template, broker, settings):
    settings.PUBLISH_RECOMMENDATIONS, settings.KAFKA_BOOTSTRAP_SERVERS = True, broker
    assert client.get("/health/ready").json() == {
        "status": "ready",
        "catalogue": "ok",
        "database_servers": "ok",
        "template": "ok",
        "broker": "ok",
    }


@pytest.mark.covered
def test_ready_is_degraded_without_a_broker(client, real_template, settings):
    settings.PUBLISH_RECOMMENDATIONS, settings.KAFKA_BOOTSTRAP_SERVERS = True, "127.0.0.1:1"
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"], answer.json()["broker"]) == (200, "degraded", "unavailable")


@pytest.mark.slow
def test_process_is_live_and_unready_without_its_catalogue():
    env = environment("postgres://nobody@127.0.0.1:1/none", PUBLISH_RECOMMENDATIONS="0")
    live, ready = json.loads(run_python("-c", ASK, env=env))
    assert live == [200, {"status": "live"}]
    status, parts = ready
    assert (status, parts["status"], parts["catalogue"], parts["template"]) == (503, "unready", *["unavailable"] * 2)


def test_process_is_unready_with_an_unmigrated_catalogue(client, db, settings, monkeypatch):
    monkeypatch.setattr("operations.health._migrated", set())
    with connections["default"].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["catalogue"] == "behind: run manage.py create_catalogue"


def test_readiness_is_cached(client, nothing_made, django_assert_num_queries):
    client.get("/health/ready")
    with django_assert_num_queries(0):
        assert client.get("/health/ready").status_code == 200


def test_readiness_is_checked_again_after_the_ttl(client, nothing_made, django_assert_num_queries):
    client.get("/health/ready")
    readiness_check.reset()
    with django_assert_num_queries(2):
        client.get("/health/ready")


@pytest.mark.parametrize("path", PROBES)
def test_probe_is_answered_for_any_host_and_without_tls(client, nothing_made, settings, log, path):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path, headers={"host": "10.1.2.3:8000"}).status_code == 200
    assert not [line for line in log.objects if line["logger"] == "access"]


def test_metrics_need_the_token_where_one_is_set(client, settings):
    settings.METRICS_TOKEN = "secret"
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer guess"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer secret"}).status_code == 200


def test_metrics_without_a_token_need_an_open_api(client, settings):
    settings.RECSYS_OPEN_API = False
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401


@pytest.fixture
def broker():
    with EmbeddedBroker() as broker:
        yield broker.bootstrap_servers


@pytest.fixture
def real_template(db, settings):
    settings.CASINO_DATABASE_PREFIX = "probed_"
    with template_lock(MAIN) as cursor:
        ensure_template(cursor)
    yield
    with server_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {template_name()}")
