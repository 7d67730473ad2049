"""Exclusions and closings that are parked because dead letters have no more room apply at once. Rows are really
committed."""

from typing import Any

import pytest
from confluent_kafka import Producer

from ingestion.kafka.client import client_config
from ingestion.models import DeadLetter, PartitionOffset
from ingestion.status.parked import drain_parked, list_parked
from ingestion.tests.database_outages import database_unavailable
from ingestion.tests.dead_letters.test_bounds import purge
from ingestion.tests.kafka_client import consume, rewind, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import event, user, without
from ingestion.topics import EVENTS, USERS, Topic
from recommendations.models import Event, User
from tenants.models import Casino
from tenants.routing.connections import execute
from tenants.routing.context import use_casino
from tenants.tests.waiting import PATIENCE_SECONDS

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.covered]

EARLIER, LATER, LATEST = "2025-06-02T00:00:00", "2025-06-03T00:00:00", "2025-06-04T00:00:00"
BAD = b"{"


@pytest.fixture(autouse=True)
def _full(broker, casino_a, casino_b, settings):
    """Casino A has as many dead letters as it may have; both casinos have a user and an event."""
    settings.DEAD_LETTERS = 1
    settings.EVENT_HORIZON_DAYS = 36_500
    send(USERS, [(1, user()), (2, user()), (1, BAD), (1, BAD)])
    consume(USERS, 4)
    send(EVENTS, [(1, event(id=7, timestamp=EARLIER)), (2, event(id=7, timestamp=EARLIER))])
    consume(EVENTS, 2)


def park(topic: Topic, *messages: Any) -> None:
    """Send messages of casino A after an invalid one, and consume them: all are parked."""
    send(topic, [(1, BAD), *[(1, message) for message in messages]])
    assert consume(topic, 1 + len(messages)).counts == {(1, "parked"): 1 + len(messages)}


def the_user(casino: Casino) -> User:
    with use_casino(casino.current):
        return User.objects.get(id=7)


def the_event(casino: Casino) -> Event:
    with use_casino(casino.current):
        return Event.objects.get(id=7)


def test_a_parked_exclusion_applies_at_once_and_another_casinos_user_stays(casino_a, casino_b):
    park(USERS, user(status="SELF_EXCLUDED", timestamp=LATER, name="Grace"))
    assert (the_user(casino_a).status, the_user(casino_a).name) == ("SELF_EXCLUDED", "Ada")
    assert the_user(casino_b).status == "ACTIVE"
    assert len(list_parked()) == 1
    with use_casino(casino_a.current):
        assert DeadLetter.objects.count() == 2


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("message", "restricted"),
    [
        ({"id": 7, "status": "TIME_OUT", "status_until": "2090-01-01", "timestamp": LATER}, {"status": "TIME_OUT"}),
        ({"id": 7, "limit_left": 0, "timestamp": LATER}, {"limit_left": 0}),
        ({"id": 7, "status": "an unknown word", "timestamp": LATER}, {"status": "CLOSED"}),
        (user(status="CLOSED", timestamp=LATER, currency="?"), {"status": "CLOSED"}),
        (user(birth_year=2006, timestamp=LATER), {"is_withheld": True, "birth_year": 1985}),
        (b'{"id": 7, "status": "self_excl', {"is_withheld": True}),
    ],
)
def test_each_restriction_of_a_user_applies_at_once(casino_a, message, restricted):
    park(USERS, message)
    stored = the_user(casino_a)
    assert {name: getattr(stored, name) for name in restricted} == restricted


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("message", "restricted"),
    [
        (event(id=7, status="SUSPENDED", timestamp=LATER, odd=9), {"status": "SUSPENDED", "is_withheld": False}),
        (event(id=7, status="LIVE", timestamp=LATER), {"status": "LIVE"}),
        ({"id": 7, "odd": None, "timestamp": LATER}, {"status": "OPEN", "is_withheld": True}),
        (event(id=7, sport=5, status="cancelled", timestamp=LATER), {"status": "CANCELLED", "is_withheld": True}),
        (without(event(id=7, odd="9/"), "sport"), {"status": "OPEN", "is_withheld": True}),
    ],
)
def test_each_closing_of_an_event_applies_at_once(casino_a, casino_b, message, restricted):
    park(EVENTS, message)
    stored = the_event(casino_a)
    assert {name: getattr(stored, name) for name in restricted} == restricted
    assert stored.odd != 9
    assert (the_event(casino_b).status, the_event(casino_b).is_withheld) == ("OPEN", False)


def test_a_tombstone_removes_at_once(casino_a):
    send(EVENTS, [(1, BAD)])
    consume(EVENTS, 1)
    producer = Producer(client_config())
    producer.produce(EVENTS.full_name, None, key=b"7", headers={"casino_id": "1"}, partition=0)
    assert producer.flush(PATIENCE_SECONDS) == 0
    assert consume(EVENTS, 1).counts == {(1, "parked"): 1}
    with use_casino(casino_a.current):
        assert not Event.objects.exists()
    purge()
    assert drain_parked([EVENTS])["duplicate"] == 1


def test_nothing_is_opened_before_its_turn_and_all_is_stored_in_the_end(casino_a):
    park(
        USERS,
        user(status="SELF_EXCLUDED", timestamp=LATER),
        user(status="ACTIVE", stake_limit=5, timestamp=LATEST, name="Grace"),
    )
    assert (the_user(casino_a).status, the_user(casino_a).stake_limit) == ("SELF_EXCLUDED", 5)
    assert drain_parked([USERS]) == {"still parked": 3}
    assert the_user(casino_a).status == "SELF_EXCLUDED"
    purge()
    drained = drain_parked([USERS])
    assert drained["malformed"] == 1
    assert (the_user(casino_a).status, the_user(casino_a).name) == ("ACTIVE", "Grace")
    with use_casino(casino_a.current):
        assert DeadLetter.objects.filter(state="open").count() == 1


def test_a_restarted_consumer_applies_what_it_parks_behind_others(casino_a):
    park(USERS)
    send(USERS, [(1, user(status="CLOSED", timestamp=LATER))])
    assert consume(USERS, 1).counts == {(1, "parked"): 1}
    assert the_user(casino_a).status == "CLOSED"


@pytest.mark.exhaustive
def test_messages_that_are_parked_and_restrict_twice_count_once(casino_a):
    """A crash between the parking and the commit of the offsets has this effect."""
    park(USERS, user(status="SELF_EXCLUDED", timestamp=LATER), user(status="ACTIVE", timestamp=LATEST))
    rewind(USERS)
    assert consume(USERS, 7).counts == {(1, "parked"): 6, (2, "repeated"): 1}
    assert the_user(casino_a).status == "SELF_EXCLUDED"
    purge()
    assert drain_parked([USERS]) == {"malformed": 1, "duplicate": 1, "updated": 1, "repeated": 3}
    assert the_user(casino_a).status == "ACTIVE"
    with use_casino(casino_a.current):
        assert DeadLetter.objects.count() == 3


def test_restrictions_that_were_parked_during_an_outage_apply_when_it_is_over(casino_a):
    with database_unavailable(casino_a):
        send(USERS, [(1, BAD), (1, user(status="CLOSED", timestamp=LATER))])
        assert consume(USERS, 2).counts == {(1, "parked"): 2}
    assert the_user(casino_a).status == "ACTIVE"
    assert drain_parked([USERS]) == {"still parked": 2}
    assert the_user(casino_a).status == "CLOSED"


def test_the_ledger_does_not_advance(casino_a):
    with use_casino(casino_a.current):
        before = list(PartitionOffset.objects.values())
    park(USERS, user(status="CLOSED", timestamp=LATER))
    with use_casino(casino_a.current):
        assert list(PartitionOffset.objects.values()) == before


@pytest.mark.exhaustive
def test_one_restriction_that_the_database_refuses_stops_no_other(casino_a):
    send(USERS, [(2, user(id=8)), (1, user(id=8))])
    consume(USERS, 2)
    with use_casino(casino_a.current):
        execute("ALTER TABLE users ADD CONSTRAINT never CHECK (id <> 7 OR status = 'ACTIVE')")
    try:
        park(USERS, user(status="CLOSED", timestamp=LATER), user(id=8, status="CLOSED", timestamp=LATER))
        with use_casino(casino_a.current):
            assert dict(User.objects.values_list("id", "status")) == {7: "ACTIVE", 8: "CLOSED"}
    finally:
        with use_casino(casino_a.current):
            execute("ALTER TABLE users DROP CONSTRAINT never")


def test_documents_of_a_mapping_restrict_too(casino_a):
    mapping = {"messages": "users", "fields": {"id": "nr", "status": "state", "timestamp": "at"}}
    Casino.objects.filter(pk=1).update(options={"mapping": {"users": mapping}})
    park(USERS, {"nr": 7, "state": "closed", "at": LATER})
    send(USERS, [(1, {"nr": 7, "state": "self_excluded", "at": LATER})])
    consume(USERS, 1)
    assert the_user(casino_a).status == "CLOSED"
