"""`store_coupons` stores each coupon once and counts it once in its user's profile."""

from decimal import Decimal

import pytest

from recommendations.models import PurchasedCoupon, UserProfile
from recommendations.storing import Outcome, Result, store_coupons, store_users
from recommendations.tests.factories import coupon_row, selection_row, user_row
from tenants.routing.context import use_casino

DUPLICATE = Outcome(Result.DUPLICATE)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, fresh_ids):
    with use_casino(casino_a.current):
        store_users([user_row(id=1), user_row(id=2), user_row(id=31)])
        yield


def counts(user_id=1):
    profile = UserProfile.objects.get(user_id=user_id)
    return profile.purchases_at_last_update, profile.coupon_count, profile.stake_total


def test_a_coupon_is_stored_with_all_fields_and_selections():
    selections = (selection_row(event_id=9, odd=Decimal("1.57")), selection_row(league="LA LIGA"))
    row = coupon_row(id=5, user_id=31, stake=Decimal("25.51"), recommended_events=selections)
    assert store_coupons([row]) == [Outcome(Result.STORED, 5)]
    coupon = PurchasedCoupon.objects.get()
    assert (coupon.pk, coupon.user_id, coupon.stake, coupon.timestamp) == (5, 31, Decimal("25.51"), row.timestamp)
    assert coupon.recommended_events[0] == {
        "event_id": 9,
        "country": "ENGLAND",
        "league": "PREMIER LEAGUE",
        "home_team": "ARSENAL",
        "away_team": "CHELSEA",
        "category": "",
        "sport": "FOOTBALL",
        "odd": 1.57,
    }
    assert (coupon.recommended_events[1]["event_id"], coupon.recommended_events[1]["league"]) == (None, "LA LIGA")


def test_coupons_are_counted_in_their_users_profiles():
    store_coupons([coupon_row(stake=Decimal("1.10")), coupon_row(user_id=2), coupon_row(stake=Decimal("2.20"))])
    assert counts(1) == (2, 2, Decimal("3.30"))
    assert counts(2) == (1, 1, Decimal("10.00"))
    store_coupons([coupon_row(stake=Decimal("0.70"))])
    assert counts(1) == (3, 3, Decimal("4.00"))


def test_a_coupon_sent_twice_is_stored_and_counted_once():
    row = coupon_row(id=5)
    assert store_coupons([row, row]) == [Outcome(Result.STORED, 5), DUPLICATE]
    assert store_coupons([row]) == [DUPLICATE]
    assert counts() == (1, 1, Decimal("10.00"))


def test_a_message_without_an_id_read_twice_is_stored_and_counted_once():
    row = coupon_row()
    assert [outcome.result.value for outcome in store_coupons([row, row])] == ["stored", "duplicate"]
    assert store_coupons([row]) == [DUPLICATE]
    assert counts() == (1, 1, Decimal("10.00"))


def test_equal_coupons_in_two_kafka_messages_are_two_coupons():
    store_coupons([coupon_row(), coupon_row()])
    assert PurchasedCoupon.objects.count() == 2


def test_the_first_coupon_of_an_id_is_final():
    store_coupons([coupon_row(id=5, stake=Decimal(1)), coupon_row(id=5, stake=Decimal(2))])
    assert store_coupons([coupon_row(id=5, stake=Decimal(3), user_id=2)]) == [DUPLICATE]
    assert PurchasedCoupon.objects.get().stake == 1
    assert counts() == (1, 1, Decimal(1))
    assert counts(2) == (0, 0, Decimal(0))


def test_a_user_without_a_profile_gets_one_with_the_first_coupon():
    UserProfile.objects.all().delete()
    store_coupons([coupon_row(user_id=31)])
    assert counts(31) == (1, 1, Decimal(10))


@pytest.mark.parametrize("highest", [1, 2, 50])
def test_sequence_ids_do_not_collide_with_the_casinos_own(highest):
    store_coupons([coupon_row(id=highest)])
    assert store_coupons([coupon_row()]) == [Outcome(Result.STORED, highest + 1)]


def test_own_and_sequence_ids_can_mix_in_one_call():
    outcomes = store_coupons([coupon_row(id=3), coupon_row(), coupon_row(id=1), coupon_row()])
    assert [outcome.id for outcome in outcomes[::2]] == [3, 1]
    assert {outcome.id for outcome in outcomes[1::2]} == {4, 5}
    assert counts() == (4, 4, Decimal(40))


def test_an_own_id_taken_by_the_sequence_is_rejected_and_not_counted():
    [nameless] = store_coupons([coupon_row()])
    assert store_coupons([coupon_row(id=nameless.id, stake=Decimal(99))]) == [Outcome(Result.ID_TAKEN)]
    assert counts() == (1, 1, Decimal(10))


def test_stakes_of_eight_decimals_are_stored_and_summed_exactly():
    stakes = ["0.00012345", "0.00000001", "20.5"]
    store_coupons([coupon_row(id=number, stake=Decimal(stake)) for number, stake in enumerate(stakes, start=1)])
    stored = PurchasedCoupon.objects.order_by("id").values_list("stake", flat=True)
    assert [f"{stake:f}" for stake in stored] == ["0.00012345", "0.00000001", "20.50"]
    assert counts()[2] == Decimal("20.50012346")


def test_the_sum_of_the_largest_stakes_is_exact():
    store_coupons([coupon_row(stake=Decimal("999999999999.99")) for _ in range(3)])
    assert counts()[2] == Decimal("2999999999999.97")
