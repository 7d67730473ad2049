"""The casinos of one batch are stored at once, each in a thread. Rows are committed."""

import threading
import time
from collections import Counter
from contextvars import copy_context

import pytest
from django.db import connection, connections

from ingestion.errors import AllDatabasesUnavailable
from ingestion.storing.dispatch import CasinoTurns
from ingestion.tests.decoded_messages import envelope_of
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS
from recommendations.tests.factories import UserFactory
from tenants.postgresql.wait_budget import (
    STOPPING_SECONDS,
    consumer_budget,
    find_budget,
    waiting_at_most,
    waiting_within,
)
from tenants.routing.context import find_current_casino, use_casino
from tenants.tests.waiting import PATIENCE_SECONDS, wait_until

from .test_dispatch import batches, names

__all__ = ["batches"]
pytestmark = pytest.mark.django_db(**IN_PROCESSES)


@pytest.fixture
def turns():
    turns = CasinoTurns(2)
    yield turns
    turns.close()


def test_a_casino_whose_database_waits_delays_no_other_of_its_batch(batches, casino_a, casino_b, settings):
    """The lock on casino 1 is released once casino 2 is stored: in turn, casino 1 would be parked."""
    settings.INGESTION_LOCK_SECONDS = settings.INGESTION_TRANSACTION_SECONDS = PATIENCE_SECONDS
    locking = connections["casino_1"].copy()
    locking.inc_thread_sharing()

    def report(results):
        batches.results.extend(results)
        if any(result.envelope.casino_id == 2 for result in results):
            locking.rollback()

    batches.store.report = report
    locking.set_autocommit(False)
    try:
        with locking.cursor() as cursor:
            cursor.execute("LOCK TABLE users")
        assert batches.store_batch((1, user(name="Ada")), (2, user(name="Bob"))) == {0: "stored", 1: "stored"}
    finally:
        locking.close()
    assert [result.envelope.casino_id for result in batches.results] == [2, 1]
    assert (names(casino_a), names(casino_b)) == ({7: "Ada"}, {7: "Bob"})


def test_two_turns_at_once_have_casinos_and_threads_of_their_own_and_the_callers_budget(turns, casino_a, casino_b):
    both = threading.Barrier(2)

    def turn_of(casino):
        def turn():
            assert find_current_casino() is None
            with use_casino(casino.current):
                both.wait(PATIENCE_SECONDS)
                UserFactory(id=7, name=casino.name)
                both.wait(PATIENCE_SECONDS)
                return names(casino), find_budget(), threading.get_ident()

        return turn

    with waiting_within(consumer_budget(threading.Event())):
        budget = find_budget()
        found = turns.run({casino.pk: turn_of(casino) for casino in (casino_a, casino_b)})
    assert {casino_id: stored for casino_id, (stored, _, _) in found.items()} == {1: {7: "Alpha"}, 2: {7: "Beta"}}
    assert all(within is budget for _, within, _ in found.values())
    assert len({thread for _, _, thread in found.values()} | {threading.get_ident()}) == 3
    assert find_current_casino() is None


def test_no_turn_runs_any_more_once_one_has_failed(turns):
    has_begun, fails, ended = threading.Event(), threading.Event(), []

    def fail():
        assert has_begun.wait(PATIENCE_SECONDS)
        fails.set()
        raise LookupError("no catalogue")

    def resume():
        has_begun.set()
        assert fails.wait(PATIENCE_SECONDS)
        time.sleep(0.2)  # longer than the failure takes to be noticed
        ended.append(True)

    def begin_later():
        time.sleep(0.01)
        ended.append(False)

    with pytest.raises(LookupError, match="no catalogue"):
        turns.run({1: fail, 2: resume} | dict.fromkeys(range(3, 200), begin_later))
    assert ended.count(True) == 1
    assert ended.count(False) < 100, "turns that had not begun are left out"


@pytest.mark.parametrize("error", [LookupError, AllDatabasesUnavailable])
def test_all_errors_are_logged_or_raised_and_unexpected_ones_with_a_traceback(turns, caplog, error):
    both = threading.Barrier(2)

    def fail():
        both.wait(PATIENCE_SECONDS)
        raise error(f"in {threading.current_thread().name}")

    with pytest.raises(error) as raised:
        turns.run({1: fail, 2: fail})
    [logged] = caplog.records
    assert logged.getMessage().startswith("Storing messages of casino 2 failed too: in ")
    assert str(raised.value) not in logged.getMessage()
    assert bool(logged.exc_info) == (error is LookupError)


def test_a_turns_connection_to_the_catalogue_is_closed(turns, casino_a):
    def turn():
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return cursor.fetchone()[0]

    sessions = [*turns.run({1: turn, 2: turn}).values()]

    def are_closed():
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", [sessions])
            return cursor.fetchone() == (0,)

    wait_until(are_closed)


def test_each_turn_runs_once(turns):
    ran = Counter[int]()
    run = {number: lambda number=number: ran.update([number]) or number for number in range(20)}
    assert turns.run(run) == {number: number for number in range(20)}
    assert ran == Counter(range(20))


def test_two_turns_that_must_end_share_the_last_seconds():
    """The one that ends without having waited for a stalled statement gives the other's next ones no new seconds."""
    stop = threading.Event()
    outer = consumer_budget(stop)
    with waiting_within(outer):
        other = copy_context()
        quick = waiting_at_most(600)
        other.run(quick.__enter__)
        with waiting_at_most(600) as stalled:
            stop.set()
            assert stalled.seconds(0) <= STOPPING_SECONDS
        assert (outer.stop, outer.left) == (None, stalled.left)
        other.run(quick.__exit__, None, None, None)
        assert (outer.stop, outer.left) == (None, stalled.left)


@pytest.mark.parametrize("waited", [(0.5, 1.5), (1.5, 0.5)])
def test_of_two_turns_that_waited_before_they_had_to_end_the_least_is_left(waited):
    stop = threading.Event()
    outer = consumer_budget(stop)
    with waiting_within(outer):
        other = copy_context()
        first = waiting_at_most(5)
        first_budget = other.run(first.__enter__)
        with waiting_at_most(5) as second:
            stop.set()
            for budget, since in zip((first_budget, second), waited, strict=True):
                budget.seconds(3.0)
                budget.left -= 3.0 + since
        other.run(first.__exit__, None, None, None)
    assert (outer.stop, outer.left) == (None, 0.5)


def test_a_batch_of_which_one_turn_lost_the_catalogue_is_stored_again_without_repeating(batches, casino_a, casino_b):
    def lose_the_catalogue(results):
        if any(result.envelope.casino_id == 2 for result in results):
            raise AllDatabasesUnavailable("no catalogue")
        batches.results.extend(results)

    envelopes = [envelope_of(USERS, user(name=name), casino=n) for n, name in ((1, "Ada"), (2, "Bob"))]
    messages = batches.store.decode(envelopes)
    as_usual, batches.store.report = batches.store.report, lose_the_catalogue
    with pytest.raises(AllDatabasesUnavailable):
        batches.store.store(messages)
    batches.store.report = as_usual
    batches.results.clear()
    batches.store.store(messages, is_retry=True)
    assert {result.envelope.casino_id: result.outcome for result in batches.results} == {1: "repeated", 2: "repeated"}
    assert (names(casino_a), names(casino_b)) == ({7: "Ada"}, {7: "Bob"})


def test_a_removal_is_stored_with_other_casinos(batches, casino_a, casino_b):
    """It erases its user's dead letters in the catalogue, to which each thread has a connection of its own."""
    batches.store_batch((1, user()), (2, user()))
    removals = [envelope_of(USERS, None, casino=casino, offset=10, key=b"7") for casino in (1, 2)]
    batches.store.store(batches.store.decode(removals))
    assert (names(casino_a), names(casino_b)) == ({}, {})
