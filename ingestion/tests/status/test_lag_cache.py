import time

import pytest

from ingestion.status.lag_cache import LagCache, TopicLag
from ingestion.tests.kafka_client import closed_port, consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def test_lag_is_the_number_of_unread_messages(broker, casino_a):
    send(USERS, [(1, user()), (1, user())])
    lags = LagCache().get(wait=20) or []
    assert TopicLag("users", 2) in lags
    assert TopicLag("events", 0) in lags
    consume(USERS, 2)
    assert TopicLag("users", 0) in (LagCache().get(wait=20) or [])


def test_recent_lag_is_not_measured_again(broker, casino_a):
    recent = LagCache()
    before = recent.get(wait=20)
    send(USERS, [(1, user())])
    assert recent.get(wait=20) is before


def test_unavailable_broker_is_not_waited_for(settings):
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()
    recent, started = LagCache(), time.monotonic()
    assert recent.get(wait=0.3) is None
    assert recent.get(wait=0.3) is None
    assert time.monotonic() - started < 2
