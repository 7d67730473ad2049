"""A casino whose database is slow keeps the others of its batch waiting for some seconds only. Rows are committed."""

import threading
import time
from collections import Counter
from contextlib import closing

import pytest
from django.db import connection

from ingestion.storing import pace
from ingestion.tests.decoded_messages import SENT_AT, envelope_of
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS
from tenants.models import UnassignedDeadLetter
from tenants.postgresql.wait_budget import consumer_budget, waiting_within

from .test_dispatch import batches, names
from .test_transaction import trigger

__all__ = ["batches"]
pytestmark = pytest.mark.django_db(**IN_PROCESSES)


@pytest.fixture(autouse=True)
def _within_a_consumers_budget():
    with waiting_within(consumer_budget(threading.Event())):
        yield


def users_of_casino(number, count, first=0):
    return [envelope_of(USERS, user(id=n + 1), casino=number, offset=n) for n in range(first, first + count)]


def store(batches, *envelopes):
    """The outcomes by casino."""
    batches.results.clear()
    batches.store.store(batches.store.decode(envelopes))
    return {(result.envelope.casino_id, result.outcome) for result in batches.results}


def store_beside_a_parked_one(batches, *envelopes):
    """Require that casino 1 is parked, and casino 2 stored, as soon as a busy machine gives it its time."""
    for _ in range(5):
        outcomes = store(batches, *envelopes)
        assert (1, "parked") in outcomes
        if (2, "stored") in outcomes:
            break
        batches.store.circuit_breaker.record_success(2)
    assert outcomes == {(1, "parked"), (2, "stored")}


def test_a_casino_whose_transaction_takes_too_long_is_parked_and_the_others_stored(batches, casino_b, settings):
    settings.INGESTION_TRANSACTION_SECONDS = 0.5
    began = time.monotonic()
    with trigger("PERFORM pg_sleep(0.2);"):  # for each of 300 rows: no statement would end before a minute
        store_beside_a_parked_one(batches, *users_of_casino(1, 300), *users_of_casino(2, 1))
    assert time.monotonic() - began < 50
    assert "storing 300 messages took longer than INGESTION_TRANSACTION_SECONDS (0.5 s)" in (
        batches.store.circuit_breaker.describe()
    )
    assert set(names(casino_b)) == {1}


def test_a_casino_with_more_messages_than_fit_its_time_stores_them_in_parts(batches, casino_a, settings):
    settings.INGESTION_TRANSACTION_SECONDS = 1.0
    envelopes, turns = users_of_casino(1, 40), 1
    with trigger("PERFORM pg_sleep(0.05);"):
        while batches.store.store_parked(1, envelopes) < len(envelopes):
            assert turns < 100
            turns += 1
            assert batches.store.circuit_breaker.is_open(1)
            batches.store.circuit_breaker.record_success(1)
    assert turns > 1
    assert len(names(casino_a)) == 40
    outcomes = Counter(result.outcome for result in batches.results)
    assert (outcomes["stored"], outcomes.keys() <= {"stored", "repeated"}) == (40, True)


@pytest.mark.slow
def test_a_casino_that_is_slow_for_few_messages_again_and_again_counts_as_unavailable(batches, monkeypatch):
    monkeypatch.setattr(pace, "SLOW_SECONDS", 2.0)  # which no transaction takes by itself, on a busy machine either
    with trigger("PERFORM pg_sleep(2.2);"):
        for turn in range(pace.SLOW_TURNS):
            assert store(batches, *users_of_casino(1, 1, first=turn)) == {(1, "stored")}
        assert "3 times in a row" in batches.store.circuit_breaker.describe()
        assert store(batches, *users_of_casino(1, 1, first=5)) == {(1, "parked")}
    monkeypatch.setattr(pace, "SLOW_SECONDS", 600.0)
    batches.store.circuit_breaker.record_pause(1, "until now", 0)
    assert batches.store.store_parked(1, users_of_casino(1, 1, first=5)) == 1
    assert not len(batches.store.circuit_breaker)


def test_a_casino_whose_time_ends_in_a_query_of_the_catalogue_is_parked_and_the_others_stored(batches, settings):
    settings.INGESTION_TRANSACTION_SECONDS = 0.5
    removal = envelope_of(USERS, None, casino=1, key=b"7")
    table = UnassignedDeadLetter._meta.db_table
    with closing(connection.copy()) as other, other.cursor() as cursor:
        other.set_autocommit(False)
        cursor.execute(f"LOCK TABLE {table}")  # a removal erases its user's dead letters in the catalogue, too
        store_beside_a_parked_one(batches, removal, *users_of_casino(2, 1))
    batches.store.circuit_breaker.record_success(1)
    assert batches.store.store_parked(1, [removal]) == 1


@pytest.mark.exhaustive
def test_a_row_and_its_removal_in_turns_delay_no_other_casino(batches, casino_a, settings):
    settings.INGESTION_TRANSACTION_SECONDS = 1.0
    alternating = [
        envelope_of(
            USERS, None if n % 2 else user(timestamp=SENT_AT / 1000 + n), offset=n, key=b"7", sent_at=SENT_AT + n * 1000
        )
        for n in range(1_500)
    ]
    store_beside_a_parked_one(batches, *alternating, *users_of_casino(2, 1))
    settings.INGESTION_TRANSACTION_SECONDS = 5
    turns = 0
    while batches.store.store_parked(1, alternating) < len(alternating):
        turns += 1
        assert turns < 100
        batches.store.circuit_breaker.record_success(1)
    assert names(casino_a) == {}
