"""Concurrent calls with overlapping keys: no deadlock, no lost row, no duplicate."""

import itertools
from decimal import Decimal

import pytest

from recommendations.models import Event, EventTeam, PurchasedCoupon, Team, User, UserProfile
from recommendations.storing import (
    rebuild_casino_tallies,
    rebuild_profiles,
    store_coupons,
    store_events,
    store_users,
)
from recommendations.tests.conftest import TEST_DATABASES
from recommendations.tests.factories import at, coupon_row, event_row, removal, user_row
from recommendations.tests.profile_counts import assert_counts_equal_a_recount
from recommendations.tests.threads import THREADS, run_threads, shuffled
from tenants.routing.connections import execute
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.slow, pytest.mark.no_cover, pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)]
ROUNDS = 12


def test_users_with_own_ids(casino_a):
    def work(number):
        for n in range(ROUNDS):
            store_users(shuffled([user_row(id=user_id, name=f"{number} {n}") for user_id in range(1, 41)], number))

    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        assert User.objects.count() == UserProfile.objects.count() == 40


def test_users_without_ids(casino_a):
    def work(number):
        for n in range(ROUNDS):
            rows = [user_row(name=f"Ada {person}", favorite_league=f"{number} {n}") for person in range(40)]
            store_users(shuffled(rows, number))

    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        assert User.objects.count() == UserProfile.objects.count() == 40


def test_events_with_and_without_ids_in_one_call(casino_a):
    own_ids = range(10_001, 10_021)  # far above those of the sequence

    def work(number):
        for n in range(ROUNDS):
            odd = Decimal(200 + number * ROUNDS + n) / 100
            with_ids = [event_row(id=event_id, home_team=f"H{event_id}", odd=odd) for event_id in own_ids]
            without = [event_row(home_team=f"N{event}", odd=odd) for event in range(20)]
            store_events(shuffled((with_ids + without, without)[number % 2], number))

    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        assert Event.objects.count() == 40
        assert Team.objects.count() == 41
        assert EventTeam.objects.count() == 80


def test_events_are_stored_in_turn_though_the_row_that_they_lock_is_missing(casino_a):
    """Else one call would wait for the lock of ids while it holds the offer's, and another the other way round."""
    own_ids = itertools.count(10_001, 1_000)

    def work(number):
        with_id = [event_row(id=next(own_ids), home_team=f"H{number}")]  # beyond all others: it reserves ids
        without = [event_row(home_team=f"N{event}") for event in range(20)]
        store_events((with_id + without, without + with_id)[number % 2])

    for _ in range(ROUNDS):
        with use_casino(casino_a.current):
            execute("DELETE FROM offer_version")
        run_threads(casino_a, work)
    with use_casino(casino_a.current):
        assert Event.objects.count() == 20 + THREADS * ROUNDS


def test_events_are_removed_while_later_rows_of_them_are_stored(casino_a):
    def work(number):
        for n in range(1, ROUNDS + 1):
            if number % 2:
                store_events(shuffled([removal(event_id, 2 * n) for event_id in range(1, 21)], number))
            else:
                rows = [
                    event_row(id=event_id, home_team=str(number), timestamp=at(2 * n + 1)) for event_id in range(1, 21)
                ]
                store_events(shuffled(rows, number))

    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        assert list(Event.objects.values_list("timestamp", flat=True)) == [at(2 * ROUNDS + 1)] * 20
        assert EventTeam.objects.count() == 40


def test_concurrent_coupons_are_each_counted_once(casino_a):
    rows = [coupon_row(user_id=n % 5 + 1, id=n if n % 2 else None) for n in range(1, 61)]
    with use_casino(casino_a.current):
        store_users([user_row(id=user_id) for user_id in range(1, 6)])

    def work(number):
        return [outcome.result for _ in range(ROUNDS) for outcome in store_coupons(shuffled(rows, number))]

    results = run_threads(casino_a, work)
    assert sum(each.count("stored") for each in results) == 60
    with use_casino(casino_a.current):
        assert PurchasedCoupon.objects.count() == 60
        counted = UserProfile.objects.order_by("user_id").values_list("coupon_count", "stake_total")
        assert list(counted) == [(12, Decimal(120))] * 5
        assert_counts_equal_a_recount()


def test_users_and_their_coupons_are_stored_concurrently(casino_a):
    def work(number):
        for n in range(ROUNDS):
            if number % 2:
                store_coupons(shuffled([coupon_row(user_id=user_id) for user_id in range(1, 21)], n))
            else:
                store_users(shuffled([user_row(id=user_id, name=str(n)) for user_id in range(1, 21)], n))

    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        coupons = THREADS // 2 * ROUNDS
        assert list(UserProfile.objects.values_list("coupon_count", flat=True)) == [coupons] * 20
        assert_counts_equal_a_recount()


def test_tallies_are_rebuilt_while_coupons_are_stored_and_removed(casino_a):
    with use_casino(casino_a.current):
        store_users([user_row(id=n) for n in (1, 2, 3)])

    def work(number):
        for start in range(0, 120, 6):
            ids = [number * 1000 + start + n for n in range(1, 7)]
            store_coupons([coupon_row(id=n, user_id=n % 3 + 1) for n in ids])
            if number == 0:
                list(rebuild_profiles())
                rebuild_casino_tallies()
            elif start % 5 == 0:
                store_coupons([removal(ids[0], 1), removal(ids[5], 1)])

    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        assert_counts_equal_a_recount()
