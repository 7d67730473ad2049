"""SIGTERM while the broker hangs: its process is stopped, and it does not respond."""

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from ingestion.consumer.group_config import group_config
from ingestion.kafka.client import close_within, new_consumer
from ingestion.kafka.embedded_broker import running_embedded_broker
from ingestion.tests.kafka_client import send
from ingestion.tests.manage_processes import database_environment, manage
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS, create_topics
from recommendations.models import User
from tenants.lifecycle.create import create_casino
from tenants.models import Casino
from tenants.routing.connections import casino_atomic, execute, query
from tenants.routing.context import use_casino
from tenants.tests.waiting import wait_until

GRACE_SECONDS = 30.0  # of docker-compose.yml


@pytest.fixture
def casino(real_databases: None) -> Casino:
    return create_casino("Near")


@pytest.fixture
def environment(casino: Casino, settings: Any, tmp_path: Path) -> dict[str, str]:
    """The environment of processes that use a broker in a process of its own, which `settings` names too."""
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        pytest.skip("the broker is another's")
    settings.EMBEDDED_BROKER_FILE = tmp_path / "broker.json"
    return database_environment(LOCAL_DIR=str(tmp_path))


def user_count(casino: Casino) -> int:
    with use_casino(casino.current):
        return int(User.objects.count())


@pytest.mark.exhaustive
def test_a_consumer_is_left_open_if_its_commit_is_not_answered(casino, environment):
    with ExitStack() as stack:
        broker = stack.enter_context(manage("run_embedded_broker", env=environment))
        wait_until(running_embedded_broker)
        create_topics()
        send(USERS, [(casino.pk, user(id=1))])
        consumer = new_consumer(group_config(USERS))
        stack.callback(consumer.close)
        consumer.subscribe([USERS.full_name])
        wait_until(lambda: consumer.poll(0.1))
        psutil.Process(broker.pid).suspend()
        stack.callback(psutil.Process(broker.pid).resume)
        consumer.commit(asynchronous=True)
        began = time.monotonic()
        close_within(consumer, 0.5)
        assert time.monotonic() - began < GRACE_SECONDS


@pytest.mark.exhaustive
@pytest.mark.parametrize("is_parking", [False, True], ids=["idle", "parking"])
def test_consumer_ends_within_its_grace(casino, environment, is_parking):
    with ExitStack() as stack:
        broker = stack.enter_context(manage("run_embedded_broker", env=environment))
        consumer = stack.enter_context(manage("consume_users", env=environment))
        wait_until(running_embedded_broker)
        send(USERS, [(casino.pk, user(id=1))])
        wait_until(lambda: user_count(casino) == 1)
        if is_parking:  # after INGESTION_LOCK_SECONDS
            stack.enter_context(use_casino(casino.current))
            stack.enter_context(casino_atomic())
            execute("LOCK TABLE users, ingestion_offsets IN ACCESS EXCLUSIVE MODE")
            send(USERS, [(casino.pk, user(id=2))])
            wait_until(lambda: query("SELECT 1 FROM pg_locks WHERE NOT granted"))
        psutil.Process(broker.pid).suspend()
        stack.callback(psutil.Process(broker.pid).resume)
        consumer.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, errors = consumer.communicate(timeout=3 * GRACE_SECONDS)
        assert time.monotonic() - began < GRACE_SECONDS
    assert consumer.returncode == 0, errors
