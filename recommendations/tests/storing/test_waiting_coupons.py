"""Coupons of unknown users wait, are counted when the user is stored, and are returned when they expire."""

from datetime import timedelta
from decimal import Decimal
from secrets import token_hex

import pytest
from django.db.models import F

from recommendations.models import PurchasedCoupon, UserProfile, WaitingCoupon
from recommendations.storing import (
    Outcome,
    Result,
    store_coupons,
    store_users,
    take_expired_coupons,
)
from recommendations.storing.waiting_coupons import store_coupons_waiting_for
from recommendations.tests.factories import UserFactory, at, coupon_row, removal, selection_row, user_row
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

WAITING, DUPLICATE, UNKNOWN_USER = Outcome(Result.WAITING), Outcome(Result.DUPLICATE), Outcome(Result.UNKNOWN_USER)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, fresh_ids):
    with use_casino(casino_a.current):
        yield


def counts(user_id):
    profile = UserProfile.objects.get(user_id=user_id)
    return profile.purchases_at_last_update, profile.coupon_count, profile.stake_total


def message_of(row):
    return f"message of {row.id or row.source}".encode()


def age(**by):
    WaitingCoupon.objects.update(waiting_since=F("waiting_since") - timedelta(**by))


def test_a_coupon_of_an_unknown_user_waits_uncounted():
    assert store_coupons([coupon_row(user_id=31), coupon_row(user_id=31, id=5)]) == [WAITING, WAITING]
    assert WaitingCoupon.objects.count() == 2
    assert not PurchasedCoupon.objects.exists()
    assert not UserProfile.objects.exists()


def test_a_waiting_coupon_is_stored_and_counted_when_its_user_is_stored():
    selections = (selection_row(event_id=9, odd=Decimal("1.57")), selection_row(league="LA LIGA"))
    with_id = coupon_row(id=5, user_id=31, stake=Decimal("25.51"), timestamp=at(3), recommended_events=selections)
    store_coupons([with_id, coupon_row(user_id=31, stake=Decimal("0.49")), coupon_row(user_id=32)])
    store_users([user_row(id=31), user_row(id=404)])
    coupon = PurchasedCoupon.objects.get(pk=5)
    assert (coupon.user_id, coupon.stake, coupon.timestamp, coupon.natural_key) == (31, Decimal("25.51"), at(3), None)
    assert [selection["odd"] for selection in coupon.recommended_events] == [1.57, 2.5]
    assert counts(31) == (2, 2, Decimal(26))
    assert list(WaitingCoupon.objects.values_list("user_id", flat=True)) == [32]


def test_coupons_of_known_and_unknown_users_can_mix_in_one_batch():
    store_users([user_row(id=31)])
    rows = [
        coupon_row(user_id=user_id, id=coupon_id) for user_id, coupon_id in ((31, 1), (32, 2), (31, None), (33, None))
    ]
    assert [outcome.result.value for outcome in store_coupons(rows)] == ["stored", "waiting"] * 2
    assert counts(31) == (2, 2, Decimal(20))


def test_a_waiting_coupon_sent_again_is_a_duplicate():
    rows = [coupon_row(user_id=31, id=5), coupon_row(user_id=31)]
    assert store_coupons([*rows, *rows]) == [WAITING, WAITING, DUPLICATE, DUPLICATE]
    assert store_coupons(rows) == [DUPLICATE, DUPLICATE]
    store_users([user_row(id=31)])
    assert store_coupons(rows) == [DUPLICATE, DUPLICATE]
    assert counts(31) == (2, 2, Decimal(20))


def test_a_stored_coupon_does_not_wait_for_another_user():
    store_users([user_row(id=31)])
    store_coupons([coupon_row(id=5, user_id=31)])
    assert store_coupons([coupon_row(id=5, user_id=404)]) == [DUPLICATE]
    assert not WaitingCoupon.objects.exists()


def test_a_waiting_coupon_with_a_sequence_id_is_rejected():
    store_users([user_row(id=31)])
    [nameless] = store_coupons([coupon_row(user_id=31)])
    assert store_coupons([coupon_row(id=nameless.id, user_id=404)]) == [Outcome(Result.ID_TAKEN)]


def test_sequence_ids_do_not_collide_with_those_of_waiting_coupons():
    store_users([user_row(id=31)])
    store_coupons([coupon_row(id=5, user_id=404)])
    assert store_coupons([coupon_row(user_id=31)]) == [Outcome(Result.STORED, 6)]


def test_the_number_of_waiting_coupons_is_limited(settings):
    settings.WAITING_COUPONS = 3
    rows = [coupon_row(user_id=31, id=n) for n in range(1, 6)]
    assert store_coupons(rows[:2]) == [WAITING] * 2
    assert store_coupons(rows[1:]) == [DUPLICATE, WAITING, UNKNOWN_USER, UNKNOWN_USER]
    assert store_coupons(rows) == [DUPLICATE] * 3 + [UNKNOWN_USER] * 2
    store_users([user_row(id=31)])
    assert counts(31) == (3, 3, Decimal(30))
    assert [outcome.result.value for outcome in store_coupons(rows)] == ["duplicate"] * 3 + ["stored"] * 2


def test_no_coupon_waits_with_a_limit_of_zero(settings):
    settings.WAITING_COUPONS = 0
    assert store_coupons([coupon_row(user_id=31)]) == [UNKNOWN_USER]


def test_the_limit_of_waiting_coupons_is_per_casino(casino_b, settings):
    settings.WAITING_COUPONS = 1
    assert store_coupons([coupon_row(user_id=31)]) == [WAITING]
    with use_casino(casino_b.current, switch=True):
        assert store_coupons([coupon_row(user_id=31)]) == [WAITING]


def test_a_coupon_waits_only_for_a_user_of_its_casino(casino_b):
    store_coupons([coupon_row(user_id=31)])
    with use_casino(casino_b.current, switch=True):
        store_users([user_row(id=31)])
        assert counts(31) == (0, 0, Decimal(0))
        assert take_expired_coupons(at(10**7)) == []
    assert WaitingCoupon.objects.count() == 1


def test_expired_coupons_are_returned_with_their_messages(now):
    rows = [coupon_row(user_id=31, id=5), coupon_row(user_id=32)]
    store_coupons(rows, message_of=message_of)
    age(days=8)
    store_coupons([coupon_row(user_id=33)], message_of=message_of)
    expired = take_expired_coupons(now - timedelta(days=7))
    assert sorted(expired) == [(31, message_of(rows[0])), (32, message_of(rows[1]))]
    assert list(WaitingCoupon.objects.values_list("user_id", flat=True)) == [33]
    assert take_expired_coupons(now - timedelta(days=7)) == []


@pytest.mark.parametrize("message", [b"\x00\xff{}\n", b"", None])
def test_messages_of_expired_coupons_are_returned_byte_for_byte(now, message):
    store_coupons([coupon_row(user_id=31)], message_of=lambda row: message)
    assert take_expired_coupons(now + timedelta(days=1)) == [(31, message)]


def test_waiting_coupons_can_have_no_kafka_message(now):
    store_coupons([coupon_row(user_id=31)])
    assert take_expired_coupons(now + timedelta(days=1)) == [(31, None)]


@pytest.mark.covered
@pytest.mark.slow
def test_expired_coupons_with_large_messages_are_taken_some_at_a_time(now):
    store_coupons([coupon_row(user_id=31, id=n) for n in range(1, 8)], message_of=lambda row: b"m" * 3_000_000)
    before = now + timedelta(days=1)
    assert [len(take_expired_coupons(before)) for _ in range(4)] == [3, 3, 1, 0]


@pytest.mark.covered
@pytest.mark.slow
def test_more_coupons_than_are_stored_at_once_are_all_stored_when_their_user_comes():
    texts = ("league", "country", "home_team", "away_team")
    wide = tuple(selection_row(**{text: token_hex(48) for text in texts}) for _ in range(50))
    store_coupons([coupon_row(user_id=31, id=n, recommended_events=wide) for n in range(1, 602)])
    store_users([user_row(id=31)])
    assert counts(31) == (601, 601, Decimal(6010))
    assert not WaitingCoupon.objects.exists()


def test_users_inserted_with_psql_get_their_coupons_at_expiry(now):
    store_coupons([coupon_row(user_id=31, id=5), coupon_row(user_id=31), coupon_row(user_id=32)])
    UserFactory.create(id=31)
    age(days=8)
    assert [user_id for user_id, _ in take_expired_coupons(now - timedelta(days=7))] == [32]
    assert counts(31) == (2, 2, Decimal(20))


def test_coupons_waiting_for_users_inserted_with_psql_can_be_stored():
    store_coupons([coupon_row(user_id=31), coupon_row(user_id=32)])
    UserFactory.create(id=31)
    assert (store_coupons_waiting_for([31]), store_coupons_waiting_for([31])) == (1, 0)
    assert counts(31) == (1, 1, Decimal(10))


def test_a_removed_waiting_coupon_is_not_stored_again():
    row = coupon_row(user_id=31, id=5)
    store_coupons([row, coupon_row(user_id=31, id=6)])
    assert store_coupons([removal(5, 1)]) == [Outcome(Result.REMOVED)]
    assert store_coupons([row]) == [Outcome(Result.STALE)]
    store_users([user_row(id=31)])
    assert counts(31) == (1, 1, Decimal(10))
    assert list(PurchasedCoupon.objects.values_list("pk", flat=True)) == [6]


@pytest.mark.no_cover
def test_thousands_of_waiting_coupons_are_stored_in_a_few_queries(django_assert_max_num_queries):
    rows = [coupon_row(user_id=n % 50 + 1, id=n if n % 2 else None) for n in range(1, 5001)]
    with django_assert_max_num_queries(19, connection=casino_connection()):
        assert store_coupons(rows, message_of=message_of) == [WAITING] * 5000
    with django_assert_max_num_queries(11, connection=casino_connection()):
        store_users([user_row(id=n) for n in range(1, 51)])
    assert PurchasedCoupon.objects.count() == 5000
    assert set(UserProfile.objects.values_list("coupon_count", flat=True)) == {100}
