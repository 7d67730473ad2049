import pytest

from ingestion.status.lag_cache import LagCache, TopicLag
from ingestion.tests.kafka_client import closed_port, consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS
from tenants.tests.waiting import require_quick

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def test_lag_is_the_number_of_unread_messages(broker, casino_a):
    send(USERS, [(1, user()), (1, user())])
    lags = LagCache().get(wait=20) or []
    assert TopicLag("users", 2) in lags
    assert TopicLag("events", 0) in lags
    consume(USERS, 2)
    assert TopicLag("users", 0) in (LagCache().get(wait=20) or [])


def test_recent_lag_is_not_measured_again(broker, casino_a, monkeypatch):
    monkeypatch.setattr("ingestion.status.lag_cache.TTL_SECONDS", 3_600.0)
    recent = LagCache()
    before = recent.get(wait=20)
    send(USERS, [(1, user())])
    assert recent.get(wait=20) is before


def test_unavailable_broker_is_not_waited_for(settings):
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()

    def get_twice() -> None:
        recent = LagCache()
        assert recent.get(wait=0.3) is None
        assert recent.get(wait=0.3) is None

    require_quick(get_twice, 2)
