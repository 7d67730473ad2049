"""The consumer while a PostgreSQL server hangs: its processes are stopped, and it does not respond."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connections

from ingestion.consumer.consumer import TopicConsumer
from ingestion.consumer.health_server import HttpAnswer
from ingestion.tests.kafka_client import Until, committed, consume, send
from ingestion.tests.manage_processes import database_environment, manage
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS
from recommendations.models import User
from tenants.lifecycle.create import create_casino
from tenants.models import Casino
from tenants.routing.context import use_casino
from tenants.tests.frozen_server import frozen
from tenants.tests.server_process import url_by_socket
from tenants.tests.waiting import wait_until

MAIN_DIR, SECOND_DIR = django_settings.LOCAL_DIR / "postgres", django_settings.LOCAL_DIR / "postgres-second"
GRACE_SECONDS = 30.0  # of docker-compose.yml


@pytest.fixture
def near(real_databases: None) -> Casino:
    return create_casino("Near")


@pytest.fixture
def far(second_server: object, near: Casino) -> Casino:
    return create_casino("Far", server="east")


@pytest.fixture
def server(far: Casino) -> Iterator[ExitStack]:
    """`server.enter_context(frozen(..))` freezes a server, `server.close()` resumes it."""
    with ExitStack() as stack:
        yield stack
    for alias in connections:
        connections[alias].close()


def users_of(casino: Casino) -> list[int]:
    with use_casino(casino.current):
        return list(User.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.exhaustive
def test_messages_of_its_casinos_are_parked_and_stored_once_when_it_goes_on(broker, near, far, server):
    send(USERS, [(near.pk, user(id=1)), (far.pk, user(id=1))])
    consume(USERS, 2)  # opens connections
    messages = [(casino.pk, user(id=number)) for number in range(2, 12) for casino in (near, far)]
    answers: list[HttpAnswer] = []

    def is_done() -> bool:
        counts, health = consumer.counts, consumer.health
        if health.has_joined and counts[far.pk, "parked"] >= 10 and health.parked and not answers:
            answers.append(health.ready())
            server.close()
        return counts[far.pk, "stored"] >= 10

    consumer: TopicConsumer = TopicConsumer(USERS, Until(is_done))
    server.enter_context(frozen(SECOND_DIR))
    send(USERS, messages)
    consumer.run()
    [(status, _, text)] = answers
    assert status == 200
    assert text.startswith(b"messages are stored, but those of casino %d are parked: " % far.pk)
    assert text.endswith(b"; no answer from the database server east\n")
    assert consumer.counts == {(near.pk, "stored"): 10, (far.pk, "parked"): 10, (far.pk, "stored"): 10}
    assert users_of(near) == users_of(far) == list(range(1, 12))
    assert committed(USERS) == {0: 22}


def test_server_that_hangs_costs_its_casinos_one_wait_together(broker, near, far, server):
    others = [create_casino(f"Far {number}", server="east") for number in range(6)]
    send(USERS, [(casino.pk, user(id=1)) for casino in (far, *others)])
    consume(USERS, 7)
    server.enter_context(frozen(SECOND_DIR))
    send(USERS, [(casino.pk, user(id=2)) for casino in (far, *others, near)])
    began = time.monotonic()
    consumer = consume(USERS, 8)
    assert consumer.counts[near.pk, "stored"] == 1
    assert time.monotonic() - began < 4 * 7  # a wait takes some three seconds


@pytest.mark.parametrize(
    "data_dir",
    [pytest.param(MAIN_DIR, id="catalogue"), pytest.param(SECOND_DIR, id="second", marks=pytest.mark.exhaustive)],
)
def test_sigterm_ends_the_process_within_its_grace(broker, near, far, server, second_postgres, data_dir: Path):
    env = database_environment(
        DATABASE_SERVER_EAST_URL=url_by_socket(second_postgres, "postgres"), INGESTION_STATEMENT_SECONDS="600"
    )
    send(USERS, [(far.pk, user(id=1))])
    with manage("consume_users", env=env) as process:
        wait_until(lambda: users_of(far) == [1])
        server.enter_context(frozen(data_dir))
        send(USERS, [(far.pk, user(id=2))])
        time.sleep(1)  # so that the consumer waits for the server
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, errors = process.communicate(timeout=2 * GRACE_SECONDS)
        assert time.monotonic() - began < GRACE_SECONDS
    assert process.returncode == 0, errors
    server.close()
    wait_until(lambda: users_of(far) == [1])
    assert consume(USERS, 1).counts == {(far.pk, "stored"): 1}
    assert users_of(far) == [1, 2]
