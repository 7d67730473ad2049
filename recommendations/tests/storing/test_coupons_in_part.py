"""Coupons of which some selections could not be read: the user holds bets on all events that are known."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from recommendations.models import PurchasedCoupon, UserProfile
from recommendations.storing import Outcome, Result, rebuild_profiles, store_coupons, store_events, store_users
from recommendations.storing.user_tallies import MERGE_AT
from recommendations.tests.factories import coupon_row, event_row, selection_row, user_row
from recommendations.tests.profile_counts import assert_casino_tallies_equal_a_recount
from recommendations.tests.recommend import recommend
from recommendations.validation.rows import UnreadSelection
from tenants.routing.context import use_casino

NOW = datetime(2050, 6, 1, 12, tzinfo=UTC)
NOTE = UnreadSelection(number=1, code="unknown_value", field="sport", event_id=2)
FIRST = selection_row(event_id=1, home_team="H1", away_team="A1")


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, fresh_ids):
    with use_casino(casino_a.current):
        store_users([user_row(id=1, timestamp=NOW)])
        store_events([event_row(id=number, home_team=f"H{number}", away_team=f"A{number}") for number in (1, 2, 3)])
        yield


def in_part(**fields):
    return coupon_row(**{"recommended_events": (FIRST,), "unread_selections": (NOTE,), "stake": Decimal(0)} | fields)


def shown(casino):
    slip = recommend(casino_id=casino.pk, recommender_type="soonest", user_id=1, now=NOW)
    return [event.event_id for event in slip.recommended_events], slip.stake


@pytest.mark.parametrize("unmerged", [1, MERGE_AT - 1, MERGE_AT])
def test_events_of_read_and_unread_selections_are_not_shown_again(casino_a, settings, unmerged):
    settings.DEFAULT_STAKE = Decimal("3.00")
    assert shown(casino_a)[0] == [1, 2, 3]
    assert store_coupons([in_part(id=5)]) == [Outcome(Result.STORED_IN_PART, 5)]
    store_coupons([in_part(unread_selections=None) for _ in range(unmerged - 1)])
    assert shown(casino_a) == ([3], Decimal("3.00"))
    [*rebuild_profiles()]
    assert shown(casino_a)[0] == [3]


def test_what_was_not_read_is_noted_on_the_coupon():
    store_coupons([in_part(id=5), in_part(id=6, unread_selections=None)])
    notes = PurchasedCoupon.objects.order_by("id").values_list("unread_selections", "stake")
    noted = [{"number": 1, "code": "unknown_value", "field": "sport", "event_id": 2}]
    assert list(notes) == [(noted, Decimal(0)), (None, Decimal(0))]
    assert UserProfile.objects.values_list("coupon_count", "stake_total").get() == (2, Decimal(0))


def test_a_coupon_that_waited_for_its_user_keeps_its_unread_selections(casino_a):
    row = in_part(user_id=9, recommended_events=())
    assert store_coupons([row]) == [Outcome(Result.WAITING)]
    store_users([user_row(id=9, name="Grace")])
    assert [each["event_id"] for each in PurchasedCoupon.objects.get().unread_selections or []] == [2]
    slip = recommend(casino_id=casino_a.pk, recommender_type="soonest", user_id=9, now=NOW)
    assert [event.event_id for event in slip.recommended_events] == [1, 3]


def test_a_void_selection_counts_without_an_odds_band():
    store_coupons([coupon_row(recommended_events=(selection_row(odd=None), selection_row()))])
    assert_casino_tallies_equal_a_recount()


@pytest.mark.parametrize("notes", ['[{"event_id": "x"}]', '["x"]', "{}", '[{"event_id": -1}, {"event_id": 2}]'])
def test_notes_written_by_hand_never_fail_a_request(casino_a, notes):
    store_coupons([in_part(id=5, unread_selections=None)])
    with_notes = PurchasedCoupon.objects.get(pk=5)
    with_notes.unread_selections = json.loads(notes)
    with_notes.save()
    assert 1 not in shown(casino_a)[0]
