"""`casino doctor` names the casinos with parked messages, and the dead letters that need an action. Rows are really
committed."""

import pytest

from ingestion.tests.kafka_client import closed_port, consume, send, send_raw
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.tests.storing.test_transaction import trigger
from ingestion.topics import USERS
from tenants.lifecycle.doctor.examine import examine

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def found(code="messages_parked"):
    return [finding for finding in examine() if finding.code == code]


def test_parked_messages_of_a_casino_are_found_with_their_reason(broker, casino_a, casino_b):
    send(USERS, [(1, user()), (2, user())])
    with trigger("RAISE 'no' USING ERRCODE = 'CS001';"):
        consume(USERS, 2)
    [finding] = found()
    assert finding.casino_id == 1
    assert finding.problem.startswith("1 message of Alpha (casino 1) parked in users since ")
    assert finding.problem.endswith(": DatabaseError CS001: no")


@pytest.mark.covered
@pytest.mark.slow
def test_doctor_works_without_a_broker(settings, casino_a):
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()
    assert found() == []


def test_casino_and_catalogue_with_too_many_dead_letters_are_found(broker, casino_a, casino_b, settings):
    settings.DEAD_LETTERS = 2
    send(USERS, [(1, b"{"), (1, b"{"), (2, b"{"), (99, b"{"), (None, b"{")])
    consume(USERS, 5)
    casino_finding, catalogue_finding = found("dead_letters_full")
    assert casino_finding.casino_id == 1
    assert casino_finding.problem.startswith("Casino 1 has 2 open dead letters of ")
    assert catalogue_finding.problem.startswith("The catalogue has 2 open dead letters of ")


def test_topics_of_an_earlier_release_with_dead_letters_are_found(broker, casino_a):
    assert found("dead_letter_topics") == []
    send_raw("users.dead", b"{", [])
    [finding] = found("dead_letter_topics")
    assert "users.dead" in finding.problem
