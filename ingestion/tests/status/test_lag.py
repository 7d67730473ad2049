"""Consumer lag."""

import pytest

from ingestion.status.lag import Lag, measure_lag
from ingestion.tests.kafka_client import consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def test_an_empty_topic_has_no_lag(broker):
    assert measure_lag(USERS) == Lag(messages=0, done=0)
    assert measure_lag(USERS).is_none


def test_lag_is_the_number_of_uncommitted_messages(broker, casino_a):
    send(USERS, [(1, user(id=number)) for number in range(1, 5)], partition=1)
    assert measure_lag(USERS) == Lag(messages=4, done=0)
    consume(USERS, 4)
    send(USERS, [(1, user(id=9))], partition=2)
    assert measure_lag(USERS) == Lag(messages=5, done=4)
    assert not measure_lag(USERS).is_none
