"""Removed coupons are subtracted from their users' counts, and never stored again."""

import tracemalloc
from decimal import Decimal

import pytest

from recommendations.models import PurchasedCoupon, UserProfile, WaitingCoupon
from recommendations.storing import Outcome, Result, store_coupons, store_users
from recommendations.tests.factories import CouponFactory, at, coupon_row, removal, selection_row, team, user_row
from recommendations.tests.user_context_of import read_tallies
from tenants.routing.context import use_casino

REMOVED, DUPLICATE, STALE = Outcome(Result.REMOVED), Outcome(Result.DUPLICATE), Outcome(Result.STALE)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, fresh_ids):
    with use_casino(casino_a.current):
        yield


def test_a_removed_coupon_is_subtracted_from_its_users_counts():
    store_users([user_row(id=7), user_row(id=8)])
    rows = [coupon_row(id=n, user_id=7 + n % 2, stake=Decimal(n)) for n in range(1, 7)]
    store_coupons(rows)
    assert store_coupons([removal(1, 1), removal(2, 1), removal(4, 1)]) == [REMOVED] * 3
    counted = UserProfile.objects.order_by("user_id").values_list("user_id", "coupon_count", "stake_total")
    assert list(counted) == [(7, 1, Decimal(6)), (8, 2, Decimal(8))]


def test_a_removed_coupon_is_never_stored_again():
    store_users([user_row(id=7)])
    store_coupons([coupon_row(id=1, user_id=7)])
    assert store_coupons([removal(1, 1)]) == [REMOVED]
    assert store_coupons([removal(1, 1)]) == [DUPLICATE]
    assert store_coupons([coupon_row(id=1, user_id=7, timestamp=at(99))]) == [STALE]
    assert store_coupons([coupon_row(id=1, user_id=404)]) == [STALE]
    assert UserProfile.objects.get().coupon_count == PurchasedCoupon.objects.count() == 0
    assert not WaitingCoupon.objects.exists()


@pytest.mark.parametrize("user_id", [7, 404])
@pytest.mark.parametrize("swap", [False, True])
def test_a_coupon_and_its_removal_in_one_batch_store_nothing(user_id, swap):
    store_users([user_row(id=7)])
    row = coupon_row(id=1, user_id=user_id)
    store_coupons([removal(1, 1), row] if swap else [row, removal(1, 1)])
    assert UserProfile.objects.get().coupon_count == PurchasedCoupon.objects.count() == 0
    assert not WaitingCoupon.objects.exists()
    assert store_coupons([row]) == [STALE]


def test_a_coupon_with_a_sequence_id_can_not_be_removed():
    store_users([user_row(id=7)])
    [stored] = store_coupons([coupon_row(user_id=7)])
    assert store_coupons([removal(stored.id, 999)]) == [DUPLICATE]
    assert UserProfile.objects.get().coupon_count == PurchasedCoupon.objects.count() == 1


def test_an_uncounted_coupon_can_be_removed():
    store_users([user_row(id=7)])
    CouponFactory.create(id=1, user_id=7)  # uncounted, as if inserted with psql
    assert store_coupons([removal(1, 1)]) == [REMOVED]
    profile = UserProfile.objects.get()
    assert (profile.coupon_count, profile.stake_total) == (0, Decimal(0))


@pytest.mark.no_cover
@pytest.mark.exhaustive
def test_users_with_many_coupons_are_recounted_in_parts_of_bounded_memory():
    store_users([user_row(id=7)])
    wide = tuple(selection_row(home_team=f"HOME {n} {'X' * 60}", away_team=f"AWAY {n} {'Y' * 60}") for n in range(50))
    for start in range(1, 1_001, 500):
        store_coupons([coupon_row(id=n, user_id=7, recommended_events=wide) for n in range(start, start + 500)])
    tracemalloc.start()
    try:
        store_coupons([removal(1, 1)])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 25_000_000
    assert read_tallies(7).counts["home_team"][team(f"HOME 0 {'X' * 60}")] == 999
