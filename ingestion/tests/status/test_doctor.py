"""`casino doctor` tells whose messages are parked. Rows are really committed."""

import pytest

from ingestion.tests.kafka_client import closed_port, consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.tests.storing.test_transaction import trigger
from ingestion.topics import USERS
from tenants.lifecycle.doctor.examine import examine

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def found():
    return [finding for finding in examine() if finding.code == "messages_parked"]


def test_parked_messages_of_a_casino_are_found_with_their_reason(broker, casino_a, casino_b):
    send(USERS, [(1, user()), (2, user())])
    with trigger("RAISE 'no' USING ERRCODE = 'CS001';"):
        consume(USERS, 2)
    [finding] = found()
    assert finding.casino_id == 1
    assert finding.problem.startswith("1 messages of Alpha (casino 1) are parked in users since ")
    assert finding.problem.endswith(": DatabaseError CS001: no")


def test_doctor_works_without_a_broker(settings, casino_a):
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()
    assert found() == []
