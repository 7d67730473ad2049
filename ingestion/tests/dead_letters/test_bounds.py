"""Bounds of dead letters: beyond them messages are parked, and nothing is lost. Rows are really committed."""

import pytest
from django.core.management import call_command

from ingestion.status.parked import drain_parked, list_parked
from ingestion.tests.kafka_client import consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.parking.test_parking import has, run_until
from ingestion.tests.sample_messages import coupon, user
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import COUPONS, USERS
from recommendations.models import PurchasedCoupon, User
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


@pytest.fixture
def user_7(casino_a, casino_b):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory.create(id=7)


def purge():
    call_command("dead_letters", "purge", "--yes", verbosity=0)


def reasons():
    return {(each.casino_id, each.reason.partition(" open dead letters of")[0]) for each in list_parked()}


@pytest.mark.covered
def test_coupons_of_a_casino_with_too_many_dead_letters_are_parked_and_later_stored(
    broker, casino_a, casino_b, user_7, settings
):
    settings.DEAD_LETTERS = 2
    send(COUPONS, [(1, b"{"), (1, b"{"), (2, b"{")])
    consume(COUPONS, 3)
    send(COUPONS, [(1, coupon(id=1)), (1, b"{"), (2, coupon(id=1)), (2, b"{")])
    assert consume(COUPONS, 4).counts == {(1, "parked"): 2, (2, "stored"): 1, (2, "malformed"): 1}
    assert reasons() == {(1, "Casino 1 has 2")}
    assert drain_parked() == {"still parked": 2}
    purge()
    assert drain_parked() == {"stored": 1, "malformed": 1}
    with use_casino(casino_a.current):
        assert PurchasedCoupon.objects.count() == 1
    assert len(stored_letters(casino_id=1)) == 1


@pytest.mark.covered
def test_bytes_of_dead_letters_are_bounded_too(broker, casino_a, user_7, settings):
    settings.DEAD_LETTER_BYTES = 1_000
    send(COUPONS, [(1, b"{" * 1_000)])
    consume(COUPONS, 1)
    send(COUPONS, [(1, b"{")])
    assert consume(COUPONS, 1).counts == {(1, "parked"): 1}


def test_one_batch_of_more_dead_letters_than_the_bound_is_stored(broker, casino_a, settings):
    """Else its messages could never be stored."""
    settings.DEAD_LETTERS = 2
    send(COUPONS, [(1, b"{")] * 5)
    assert consume(COUPONS, 5).counts == {(1, "malformed"): 5}


@pytest.mark.covered
def test_valid_messages_are_stored_whatever_the_number_of_dead_letters(broker, casino_a, user_7, settings):
    settings.DEAD_LETTERS = 1
    send(COUPONS, [(1, b"{")])
    consume(COUPONS, 1)
    send(COUPONS, [(1, coupon(id=1))])
    assert consume(COUPONS, 1).counts == {(1, "stored"): 1}


@pytest.mark.covered
def test_exclusions_are_stored_among_twice_as_many_dead_letters(broker, casino_a, casino_b, settings):
    settings.DEAD_LETTERS = 2
    send(USERS, [(1, b"{")] * 3)
    consume(USERS, 3)
    send(USERS, [(1, b"{"), (1, user(status="SELF_EXCLUDED"))])
    assert consume(USERS, 2).counts == {(1, "malformed"): 1, (1, "stored"): 1}
    with use_casino(casino_a.current):
        assert User.objects.get(id=7).status == "SELF_EXCLUDED"
    send(USERS, [(1, b"{"), (2, user())])
    assert consume(USERS, 2).counts == {(1, "parked"): 1, (2, "stored"): 1}


def test_messages_without_a_known_casino_are_parked_beyond_the_bound_and_delay_no_casino(
    broker, casino_a, casino_b, settings
):
    settings.DEAD_LETTERS = 1
    send(USERS, [(None, b"{"), (99, b"{")])
    consume(USERS, 2)
    send(USERS, [(None, b"{"), (99, user()), (1, user())])
    assert consume(USERS, 3).counts == {(None, "parked"): 2, (1, "stored"): 1}
    assert reasons() == {(0, "The catalogue has 2"), (99, "The catalogue has 2")}
    assert len(stored_letters()) == 2
    purge()
    assert drain_parked() == {"no_casino": 1, "unknown_casino": 1}
    settings.DEAD_LETTERS = 100
    drained = run_until(USERS, has({(None, "no_casino"): 1, (None, "unknown_casino"): 1}))
    assert drained.counts == {(None, "no_casino"): 1, (None, "unknown_casino"): 1}
    assert list_parked() == []
    assert len(stored_letters()) == 2  # each once, though it was drained twice
