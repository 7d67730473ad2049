"""Batches of several casinos: each message is stored in its casino's database, parked, or a dead letter."""

import pytest
from confluent_kafka import Consumer

from ingestion.kafka.client import client_config
from ingestion.kafka.forwarder import Forwarder
from ingestion.kafka.offset_commits import OffsetCommits
from ingestion.messages.envelope import header
from ingestion.messages.results import MessageResult
from ingestion.parking.parking import Parking
from ingestion.storing import rejection_limit
from ingestion.storing.dispatch import BatchStore
from ingestion.tests.decoded_messages import envelope_of
from ingestion.tests.kafka_client import read_named
from ingestion.tests.sample_messages import user
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import USERS
from recommendations.models import User
from recommendations.storing import store_users
from recommendations.tests.factories import user_row
from tenants.models import Casino, CasinoState
from tenants.models.casino import ENDED_STATES, READY_STATES
from tenants.routing.connections import casino_connection, execute
from tenants.routing.context import find_current_casino, use_casino

pytestmark = pytest.mark.covered


class Batches:
    """A BatchStore of users with its Kafka clients, and the results that it reports."""

    def __init__(self):
        self.client = Consumer(client_config() | {"group.id": USERS.group, "enable.auto.commit": False})
        forwarder = Forwarder(flush_seconds=5)
        parking = Parking(USERS, self.client, OffsetCommits(), forwarder)
        parking.assign(range(3))
        self.results: list[MessageResult] = []
        self.store = BatchStore(USERS, parking, forwarder, self.results.extend)

    def store_batch(self, *messages):
        """Outcomes by offset, of messages given as (casino, value)."""
        self.results.clear()
        envelopes = [envelope_of(USERS, value, casino=casino, offset=n) for n, (casino, value) in enumerate(messages)]
        self.store.store(self.store.decode(envelopes))
        return {result.envelope.place.offset: result.outcome for result in self.results}


@pytest.fixture
def batches(broker, casino_a, casino_b):
    batches = Batches()
    yield batches
    batches.client.close()


def names(casino):
    with use_casino(casino.current):
        return dict(User.objects.values_list("id", "name"))


def test_same_user_id_of_two_casinos_is_two_users(batches, casino_a, casino_b):
    messages = (1, user(name="Ada")), (2, user(name="Bob")), (1, user(id=8, name="Cyd"))
    assert batches.store_batch(*messages) == {0: "stored", 1: "stored", 2: "stored"}
    assert {(each.envelope.casino_id, each.envelope.place.offset) for each in batches.results} == {
        (1, 0),
        (2, 1),
        (1, 2),
    }
    assert names(casino_a) == {7: "Ada", 8: "Cyd"}
    assert names(casino_b) == {7: "Bob"}


def test_no_casino_is_current_after_a_batch(batches):
    batches.store_batch((1, user()))
    assert find_current_casino() is None


def test_empty_batch_has_no_results(batches):
    assert batches.store_batch() == {}


def test_messages_of_an_unknown_casino_are_dead_letters_and_the_others_stored(batches):
    assert batches.store_batch((99, user()), (1, user()), (None, user()), (99, b"{")) == {
        0: "unknown_casino",
        1: "stored",
        2: "no_casino",
        3: "malformed",
    }
    letters = {(letter.casino_id, letter.reason) for letter in stored_letters()}
    assert letters == {(99, "unknown_casino"), (None, "no_casino"), (99, "malformed")}


def test_two_casinos_and_a_sender_without_a_casino_do_not_stop_the_consumer(batches, settings, monkeypatch):
    monkeypatch.setattr(rejection_limit, "WARM_UP_SECONDS", 0.0, raising=False)
    settings.INGESTION_REJECTION_RUN = 2
    outcomes = batches.store_batch(*[(casino, b"{") for casino in (1, 2, None, 99) for _ in range(2)])
    assert [outcomes[offset] for offset in (4, 6)] == ["no_casino", "malformed"]


@pytest.mark.parametrize("state", ENDED_STATES)
def test_messages_of_a_deleted_casino_are_dead_letters(batches, casino_a, state):
    Casino.objects.filter(pk=1).update(state=state)
    assert batches.store_batch((1, user())) == {0: "unknown_casino"}
    assert names(casino_a) == {}


def test_a_casino_deleted_while_messages_are_parked_is_no_longer_unavailable(batches):
    batches.store.circuit_breaker.record_failure(1, "disk full")
    Casino.objects.filter(pk=1).update(state=ENDED_STATES[0])
    assert batches.store.store_parked(1, [envelope_of(USERS, user(), casino=1, offset=0)]) == 1
    assert batches.store.circuit_breaker.describe() == ""


@pytest.mark.parametrize("state", [state for state in CasinoState if state not in {*READY_STATES, *ENDED_STATES}])
def test_messages_of_a_casino_with_an_incomplete_database_are_parked(batches, casino_a, state):
    Casino.objects.filter(pk=1).update(state=state)
    assert batches.store_batch((1, user()), (2, user())) == {0: "parked", 1: "stored"}
    assert names(casino_a) == {}
    [parked] = read_named(USERS.parked, 1)
    assert header(parked.headers(), "parked.reason") == f"the casino is {state}".encode()


def test_messages_of_a_suspended_casino_are_stored(batches):
    Casino.objects.filter(pk=1).update(state=CasinoState.SUSPENDED)
    assert batches.store_batch((1, user())) == {0: "stored"}


def test_messages_of_a_read_only_casino_are_parked(batches, casino_a):
    with use_casino(casino_a.current), casino_connection().cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
    assert batches.store_batch((1, user()), (2, user())) == {0: "parked", 1: "stored"}
    [parked] = read_named(USERS.parked, 1)
    assert b"casino_1 is read-only at present" in (header(parked.headers(), "parked.reason") or b"")


def test_messages_of_a_casino_with_an_old_schema_are_parked(batches, caplog):
    Casino.objects.filter(pk=2).update(schema_version="")
    assert batches.store_batch((1, user()), (2, user())) == {0: "stored", 1: "parked"}
    assert "Beta (casino 2) lacks migrations of the code; run `manage.py migrate_casinos`" in caplog.text


def test_unavailable_casino_is_not_retried_at_once(batches, django_assert_num_queries):
    Casino.objects.filter(pk=2).update(schema_version="")
    batches.store_batch((2, user()))
    assert batches.store.circuit_breaker.is_open(2)
    assert not batches.store.circuit_breaker.is_open(1)
    with django_assert_num_queries(0, using="casino_2"):
        assert batches.store_batch((2, user()), (2, b"{")) == {0: "parked", 1: "parked"}


def test_last_of_several_messages_of_one_user_wins(batches, casino_a):
    assert batches.store_batch((1, user(name="Ada")), (1, user(name="Eve"))) == {0: "duplicate", 1: "stored"}
    assert names(casino_a) == {7: "Eve"}


def test_generated_id_is_rejected_and_overwrites_no_user(batches, casino_a):
    with use_casino(casino_a.current):
        execute("SELECT setval(pg_get_serial_sequence('users', 'id'), 1000)")  # another test's may be text to casinos
        generated = store_users([user_row(name="Nameless")])[0].id
    assert generated == 1001
    outcomes = batches.store_batch((1, user(id=generated)), (1, user(id=generated + 1)))
    assert outcomes == {0: "id_taken", 1: "stored"}
    assert names(casino_a)[generated] == "Nameless"
