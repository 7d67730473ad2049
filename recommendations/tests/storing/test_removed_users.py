"""Removing users deletes all their rows, including waiting coupons."""

import pytest

from recommendations.models import PurchasedCoupon, UserProfile, WaitingChange, WaitingCoupon
from recommendations.storing import store_coupons, store_users
from recommendations.storing.erasure import erase_user
from recommendations.tests.factories import at, coupon_row, removal, user_row
from recommendations.validation.changes import UserChange
from tenants.routing.context import use_casino


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, fresh_ids):
    with use_casino(casino_a.current):
        yield


def user(minutes):
    return user_row(id=7, timestamp=at(minutes))


def test_removing_a_user_deletes_only_that_users_profile_and_coupons():
    store_users([user(1), user_row(id=8)])
    store_coupons([coupon_row(user_id=user_id, id=coupon_id) for user_id, coupon_id in ((7, 1), (8, 2), (7, 3))])
    store_users([removal(7, 2)])
    assert list(PurchasedCoupon.objects.values_list("user_id", flat=True)) == [8]
    assert list(UserProfile.objects.values_list("user_id", "coupon_count")) == [(8, 1)]


def test_a_user_removed_and_sent_again_in_one_batch_has_no_older_data():
    store_users([user(1)])
    store_coupons([coupon_row(user_id=7)])
    store_users([removal(7, 2), user(3)])
    assert not PurchasedCoupon.objects.exists()
    assert list(UserProfile.objects.values_list("user_id", "coupon_count")) == [(7, 0)]


def test_removing_an_unknown_user_deletes_the_waiting_coupons():
    store_coupons([coupon_row(user_id=7, timestamp=at(1)), coupon_row(user_id=8, timestamp=at(1))])
    store_users([removal(7, 2)])
    assert list(WaitingCoupon.objects.values_list("user_id", flat=True)) == [8]


def test_coupons_later_than_the_removal_keep_waiting_for_the_user():
    store_coupons([coupon_row(user_id=7, id=1, timestamp=at(3))])
    store_users([removal(7, 2)])
    store_users([user(3)])
    assert UserProfile.objects.get().coupon_count == PurchasedCoupon.objects.count() == 1


def test_what_waited_for_an_erased_user_is_deleted():
    store_users([UserChange(id=user_id, timestamp=at(1), status="closed") for user_id in (7, 8)])
    erase_user(7, at(2))
    assert list(WaitingChange.objects.values_list("key", flat=True)) == ["8"]
