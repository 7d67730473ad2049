"""Calls at the same time from several threads, with overlapping keys: no deadlock, nothing lost, nothing twice."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connections

from recommendations.models import Event, EventTeam, PurchasedCoupon, Team, User, UserProfile
from recommendations.storing import store_coupons, store_events, store_users
from tenants.context import use_casino

from .conftest import TEST_DATABASES
from .factories import coupon_row, event_row, user_row

pytestmark = pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)
THREADS = 4
ROUNDS = 12


def at_once(casino, work):
    """Run `work(thread's number)` in each of some threads, all starting together; raises what any of them raises."""
    start = threading.Barrier(THREADS)

    def run(number):
        try:
            with use_casino(casino.current):
                start.wait()
                return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def shuffled(rows, seed):
    return random.Random(seed).sample(rows, len(rows))


def test_users_with_own_ids(casino_a):
    def work(number):
        for n in range(ROUNDS):
            store_users(shuffled([user_row(id=user_id, name=f"{number} {n}") for user_id in range(1, 41)], number))

    at_once(casino_a, work)
    with use_casino(casino_a.current):
        assert User.objects.count() == UserProfile.objects.count() == 40


def test_users_without_ids(casino_a):
    def work(number):
        for n in range(ROUNDS):
            rows = [user_row(name=f"Ada {person}", favorite_league=f"{number} {n}") for person in range(40)]
            store_users(shuffled(rows, number))

    at_once(casino_a, work)
    with use_casino(casino_a.current):
        assert User.objects.count() == UserProfile.objects.count() == 40


def test_events_with_and_without_ids_in_one_call(casino_a):
    def work(number):
        for n in range(ROUNDS):
            odd = Decimal(200 + number * ROUNDS + n) / 100
            with_ids = [event_row(id=event_id, home_team=f"H{event_id}", odd=odd) for event_id in range(1, 21)]
            without = [event_row(home_team=f"N{event}", odd=odd) for event in range(20)]
            store_events(shuffled((with_ids + without, without)[number % 2], number))

    at_once(casino_a, work)
    with use_casino(casino_a.current):
        assert Event.objects.count() == 40
        assert Team.objects.count() == 41
        assert EventTeam.objects.count() == 80


def test_coupons_are_each_counted_once_whoever_comes_first(casino_a):
    rows = [coupon_row(user_id=n % 5 + 1, id=n if n % 2 else None) for n in range(1, 61)]
    with use_casino(casino_a.current):
        store_users([user_row(id=user_id) for user_id in range(1, 6)])

    def work(number):
        return [outcome.result for _ in range(ROUNDS) for outcome in store_coupons(shuffled(rows, number))]

    results = at_once(casino_a, work)
    assert sum(each.count("stored") for each in results) == 60
    with use_casino(casino_a.current):
        assert PurchasedCoupon.objects.count() == 60
        counted = UserProfile.objects.order_by("user_id").values_list("coupon_count", "stake_total")
        assert list(counted) == [(12, Decimal(120))] * 5


def test_users_and_their_coupons_at_once(casino_a):
    def work(number):
        for n in range(ROUNDS):
            if number % 2:
                store_coupons(shuffled([coupon_row(user_id=user_id) for user_id in range(1, 21)], n))
            else:
                store_users(shuffled([user_row(id=user_id, name=str(n)) for user_id in range(1, 21)], n))

    at_once(casino_a, work)
    with use_casino(casino_a.current):
        coupons = THREADS // 2 * ROUNDS
        assert list(UserProfile.objects.values_list("coupon_count", flat=True)) == [coupons] * 20
