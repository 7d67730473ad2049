"""Concurrent users, coupons and removals: no coupon waits forever, is lost or is counted twice."""

import random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections

from recommendations.models import PurchasedCoupon, User, UserProfile, WaitingCoupon
from recommendations.storing import Result, store_coupons, store_users
from recommendations.storing.upsert import reserve_ids
from recommendations.tests.conftest import TEST_DATABASES
from recommendations.tests.factories import at, coupon_row, removal, user_row
from recommendations.tests.profile_counts import assert_counts_equal_a_recount
from recommendations.tests.threads import run_threads, shuffled
from recommendations.validation.changes import UserChange
from tenants.routing.connections import casino_atomic, execute, query
from tenants.routing.context import use_casino
from tenants.tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.no_cover, pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)]
USERS = range(1, 41)
SEEDS = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in (1, 2, 3))])


def batches(rows, rng):
    """The rows in random order, in batches of 1 to 8."""
    rows = rng.sample(rows, len(rows))
    while rows:
        size = rng.randint(1, 8)
        batch, rows = rows[:size], rows[size:]
        yield batch


def reserve(casino, rows):
    """Else a coupon without an id may get the number of one that comes later, which then is rejected as taken."""
    with use_casino(casino.current):
        reserve_ids("purchased_coupons", rows)


def nothing_waits_and_all_is_counted(coupons):
    assert not WaitingCoupon.objects.exists()
    assert PurchasedCoupon.objects.count() == coupons
    assert_counts_equal_a_recount()


@SEEDS
def test_users_and_their_coupons_are_stored_concurrently_in_any_order(casino_a, seed):
    def work(number):
        rng = random.Random(10 * seed + number)
        users: list[Any] = [(store_users, batch) for batch in batches([user_row(id=user_id) for user_id in USERS], rng)]
        rows = [coupon_row(user_id=user_id, id=100 * user_id + number) for user_id in USERS]
        coupons = [(store_coupons, batch) for batch in batches(rows, rng)]
        for store, batch in rng.sample(users + coupons, len(users + coupons)):
            store(batch)

    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        nothing_waits_and_all_is_counted(4 * len(USERS))


@SEEDS
def test_coupons_with_and_without_ids_are_stored_concurrently_with_their_users(casino_a, seed):
    rows = [coupon_row(user_id=user_id, id=user_id if user_id % 2 else None) for user_id in USERS]
    reserve(casino_a, rows)

    def work(number):
        rng = random.Random(10 * seed + number)
        if number % 2:
            for batch in batches(rows, rng):
                store_coupons(batch)
        else:
            for user_id in USERS:
                store_users([user_row(id=user_id)])

    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        nothing_waits_and_all_is_counted(len(USERS))


def test_coupons_of_known_and_unknown_users_are_stored_while_users_are_updated(casino_a):
    with use_casino(casino_a.current):
        store_users([user_row(id=user_id) for user_id in range(1, 6)])

    def work(number):
        for n in range(1, 13):
            if number % 2:
                coupons = [coupon_row(user_id=user_id) for user_id in (1, 2, 3, 4, 5, 100 + n, 200 + n)]
                store_coupons(shuffled(coupons, n))
            else:
                users = [*range(1, 6), 100 + n if number else 200 + n]
                store_users(shuffled([user_row(id=user_id, timestamp=at(n)) for user_id in users], n))

    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        nothing_waits_and_all_is_counted(2 * 12 * 7)


@SEEDS
def test_users_are_removed_while_their_coupons_are_stored(casino_a, seed):
    def work(number):
        rng = random.Random(10 * seed + number)
        if number % 2:
            for batch in batches([coupon_row(user_id=user_id) for user_id in USERS for _ in range(3)], rng):
                store_coupons(batch)
        else:
            made = [user_row(id=user_id) for user_id in USERS]
            for batch in batches(made + [removal(user_id, 1) for user_id in USERS if user_id % 2], rng):
                store_users(batch)

    with use_casino(casino_a.current):
        store_users([user_row(id=user_id) for user_id in USERS])
    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        assert set(User.objects.values_list("pk", flat=True)) == {user_id for user_id in USERS if user_id % 2 == 0}
        assert not PurchasedCoupon.objects.exclude(user_id__in=User.objects.values("pk")).exists()
        assert not UserProfile.objects.exclude(user_id__in=User.objects.values("pk")).exists()
        assert_counts_equal_a_recount()


def test_coupons_are_removed_while_others_and_their_users_are_stored(casino_a):
    rows = [coupon_row(user_id=n % 10 + 1, id=n) for n in range(1, 101)]
    reserve(casino_a, rows)

    def work(number):
        rng = random.Random(number)
        if number == 0:
            for batch in batches([user_row(id=user_id) for user_id in range(1, 11)], rng):
                store_users(batch)
        elif number == 1:
            for batch in batches([*rows, *(removal(row.id, 1) for row in rows[:50])], rng):
                store_coupons(batch)
        else:
            for batch in batches([coupon_row(user_id=row.user_id) for row in rows], rng):
                store_coupons(batch)

    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        nothing_waits_and_all_is_counted(50 + 200)


def test_a_coupon_does_not_wait_for_a_partial_message_about_its_user(casino_a):
    def store_coupon():
        try:
            with use_casino(casino_a.current), casino_atomic():
                execute("SET LOCAL lock_timeout = '5s'")
                return store_coupons([coupon_row(user_id=1, id=1)])
        finally:
            connections.close_all()

    with use_casino(casino_a.current):
        store_users([user_row(id=1)])
        with casino_atomic(), ThreadPoolExecutor(1) as pool:
            store_users([UserChange(id=1, timestamp=at(1), stake_limit=Decimal(5))])
            [outcome] = pool.submit(store_coupon).result()
    assert outcome.result is Result.STORED


def test_users_are_removed_in_the_order_in_which_their_coupons_lock_them(casino_a):
    """Also where a user occurs twice in a batch, so that another one is removed first."""

    def remove():
        try:
            with use_casino(casino_a.current):
                return store_users([user_row(id=1), removal(2, 1), removal(1, 1)])
        finally:
            connections.close_all()

    with use_casino(casino_a.current), ThreadPoolExecutor(1) as pool:
        store_users([user_row(id=1), user_row(id=2)])
        with casino_atomic():
            execute("SELECT FROM users WHERE id = 1 FOR KEY SHARE")
            removed = pool.submit(remove)
            wait_until(lambda: query("SELECT 1 FROM pg_locks WHERE NOT granted"))
            execute("SELECT FROM users WHERE id = 2 FOR KEY SHARE NOWAIT")
        assert len(removed.result()) == 3
        assert not User.objects.exists()
