"""The ledger with concurrent consumers: one whose partition was revoked unnoticed stores nothing twice.

Rows are really committed, by threads.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from ingestion.errors import DatabaseUnavailable
from ingestion.tests.decoded_messages import decoded_messages
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, user
from ingestion.topics import COUPONS, USERS
from recommendations.models import PurchasedCoupon, User, UserProfile
from recommendations.tests.factories import UserFactory
from recommendations.tests.profile_counts import assert_counts_equal_a_recount
from tenants.routing.context import use_casino
from tenants.tests.waiting import PATIENCE_SECONDS

from .test_ledger import store, users

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow]


class Crash(Exception):
    pass


@pytest.fixture
def consumers(settings):
    """Starts functions in threads, which close their connections at the end."""
    settings.INGESTION_LOCK_SECONDS = PATIENCE_SECONDS
    with ThreadPoolExecutor(2) as threads:

        def start(function, *arguments, **options):
            def run():
                try:
                    return function(*arguments, **options)
                finally:
                    connections.close_all()

            return threads.submit(run)

        yield start


class Pause:
    """A `send_to_dead_letters` that pauses before the commit, then continues or crashes."""

    def __init__(self, *, crashes=False):
        self.is_reached, self.may_continue, self._crashes = threading.Event(), threading.Event(), crashes

    def __call__(self, results):
        self.is_reached.set()
        assert self.may_continue.wait(PATIENCE_SECONDS)
        if self._crashes:
            raise Crash


def coupons(*stakes, first=0):
    return decoded_messages(COUPONS, *(coupon(stake=stake) for stake in stakes), first=first)


def counted(casino):
    with use_casino(casino.current):
        profile = UserProfile.objects.get(user_id=7)
        assert_counts_equal_a_recount()
        return PurchasedCoupon.objects.count(), profile.coupon_count, profile.stake_total


@pytest.mark.covered
def test_one_batch_stored_by_two_consumers_at_once_is_stored_once(casino_a, consumers):
    with use_casino(casino_a.current):
        UserFactory(id=7)
    batch = [{"stake": 1 + number} for number in range(200)]
    for round_ in range(5):
        messages = [
            decoded_messages(COUPONS, *(coupon(**each) for each in batch), first=200 * round_) for _ in range(2)
        ]
        both = [consumers(store, casino_a, each, topic=COUPONS) for each in messages]
        outcomes = [future.result(PATIENCE_SECONDS) for future in both]
        assert sorted(map(set, outcomes), key=str) == [{"repeated"}, {"stored"}]
    assert counted(casino_a) == (1000, 1000, 5 * 201 * 100)


def test_zombie_with_an_old_batch_stores_nothing_after_its_successor(casino_a):
    assert store(casino_a, users(0, 6)) == ["stored"] * 6
    assert store(casino_a, decoded_messages(USERS, *(user(id=1, name="Old") for _ in range(4)))) == ["repeated"] * 4
    with use_casino(casino_a.current):
        assert not User.objects.filter(name="Old").exists()


@pytest.mark.parametrize(("crashes", "expected"), [(False, ["repeated"] * 2), (True, ["stored", "malformed"])])
def test_successor_waits_for_a_zombie_that_is_storing(casino_a, consumers, crashes, expected):
    zombie = Pause(crashes=crashes)
    batch = [user(), b"{"]
    first = consumers(store, casino_a, decoded_messages(USERS, *batch), send_to_dead_letters=zombie)
    assert zombie.is_reached.wait(PATIENCE_SECONDS)
    second = consumers(store, casino_a, decoded_messages(USERS, *batch), send_to_dead_letters=list)
    with pytest.raises(TimeoutError):
        second.result(0.2)
    zombie.may_continue.set()
    assert second.result(PATIENCE_SECONDS) == expected
    assert type(first.exception(PATIENCE_SECONDS)) is (Crash if crashes else type(None))


def test_database_is_unavailable_to_the_successor_while_the_zombie_hangs(casino_a, casino_b, consumers, settings):
    settings.INGESTION_LOCK_SECONDS = 0.2
    zombie = Pause()
    first = consumers(store, casino_a, decoded_messages(USERS, user(), b"{"), send_to_dead_letters=zombie)
    assert zombie.is_reached.wait(PATIENCE_SECONDS)
    with pytest.raises(DatabaseUnavailable, match="lock timeout"):
        store(casino_a, users(0, 2))
    assert store(casino_b, users(0, 2)) == ["stored"] * 2
    zombie.may_continue.set()
    assert first.result(PATIENCE_SECONDS) == ["stored", "malformed"]
    assert store(casino_a, users(0, 3)) == ["repeated"] * 2 + ["stored"]


def test_consumers_of_different_partitions_and_topics_do_not_wait_for_each_other(casino_a, consumers, settings):
    settings.INGESTION_LOCK_SECONDS = 0.2
    assert store(casino_a, users(0, 1, partition=1)) == ["stored"]  # otherwise both would insert the ledger at once
    events = Pause()
    first = consumers(store, casino_a, decoded_messages(USERS, b"{", partition=0), send_to_dead_letters=events)
    assert events.is_reached.wait(PATIENCE_SECONDS)
    assert store(casino_a, users(1, 2, partition=1)) == ["stored"]
    events.may_continue.set()
    assert first.result(PATIENCE_SECONDS) == ["malformed"]
