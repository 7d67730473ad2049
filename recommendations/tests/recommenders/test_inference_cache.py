"""The favourite pairs in a user's profile are used until 5 purchases have come in; then they are recomputed."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from recommendations.models import UserProfile
from recommendations.serving.load import favorite_pairs
from recommendations.storing import store_coupons, store_users
from recommendations.storing.erasure import erase_user
from recommendations.tests.factories import EventFactory, coupon_row, offer_of, selection_row, user_row
from recommendations.tests.recommend import recommend
from recommendations.tests.user_context_of import found_user, read_tallies
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino


@pytest.fixture(autouse=True)
def _user_with_one_coupon(casino_a):
    with use_casino(casino_a.current):
        store_users([user_row(id=1)])
        EventFactory.create_batch(3, league="FIRST")
        EventFactory.create_batch(3, league="SECOND")
        purchase(1, "FIRST")
        yield


def purchase(times, league):
    rows = [coupon_row(user_id=1, recommended_events=(selection_row(league=league),)) for _ in range(times)]
    store_coupons(rows)


def request_leagues(now):
    slip = recommend(casino_id=1, recommender_type="inference", user_id=1, now=now)
    return {event.league for event in slip.recommended_events}


def profile():
    return UserProfile.objects.get(user_id=1)


def test_the_first_request_computes_and_stores_the_pairs_and_resets_the_counter(now):
    assert profile().favorite_sport_league_json is None
    assert profile().purchases_at_last_update == 1
    assert request_leagues(now) == {"FIRST"}
    kept = profile()
    assert kept.favorite_sport_league_json == [["FOOTBALL", "FIRST", "ENGLAND"], ["FOOTBALL", "SECOND", "ENGLAND"]]
    assert (kept.purchases_at_last_update, kept.last_updated) == (0, now)


def test_after_four_purchases_the_cached_pairs_are_used(now):
    request_leagues(now)
    purchase(4, "SECOND")
    assert request_leagues(now + timedelta(minutes=1)) == {"FIRST"}
    assert (profile().purchases_at_last_update, profile().last_updated) == (4, now)


def test_after_the_fifth_purchase_they_are_recomputed(now):
    request_leagues(now)
    purchase(4, "SECOND")
    request_leagues(now)
    purchase(1, "SECOND")
    later = now + timedelta(minutes=1)
    assert request_leagues(later) == {"SECOND"}
    kept = profile()
    assert kept.favorite_sport_league_json == [["FOOTBALL", "SECOND", "ENGLAND"], ["FOOTBALL", "FIRST", "ENGLAND"]]
    assert (kept.purchases_at_last_update, kept.last_updated) == (0, later)


def test_many_purchases_at_once_count_too(now):
    request_leagues(now)
    purchase(50, "SECOND")
    assert request_leagues(now) == {"SECOND"}
    assert profile().purchases_at_last_update == 0


def test_a_message_sent_twice_counts_once(now):
    request_leagues(now)
    row = coupon_row(user_id=1, recommended_events=(selection_row(league="SECOND"),))
    for _ in range(6):
        store_coupons([row])
    assert request_leagues(now) == {"FIRST"}
    assert profile().purchases_at_last_update == 1


def test_other_recommenders_do_not_change_the_counter(now):
    purchase(9, "SECOND")
    for name in ("static", "dynamic", "inference_score"):
        recommend(casino_id=1, recommender_type=name, user_id=1, now=now)
    assert (profile().purchases_at_last_update, profile().last_updated) == (10, None)


@pytest.mark.parametrize("has_stored_pairs", [False, True])
def test_a_purchase_that_arrives_during_the_computation_is_not_forgotten(now, has_stored_pairs):
    if has_stored_pairs:
        request_leagues(now)
        purchase(5, "FIRST")
    before = profile()
    user = found_user(1)
    purchase(1, "SECOND")  # the request above has read the profile already
    favorite_pairs(user, read_tallies(1), offer_of(), now, np.random.default_rng(1))
    kept = profile()
    assert kept.purchases_at_last_update == before.purchases_at_last_update + 1
    assert kept.last_updated == before.last_updated
    request_leagues(now + timedelta(minutes=1))
    assert ["FOOTBALL", "SECOND", "ENGLAND"] in profile().favorite_sport_league_json


def test_a_user_without_a_profile_gets_one(now):
    UserProfile.objects.all().delete()
    request_leagues(now)
    assert (profile().purchases_at_last_update, profile().last_updated) == (0, now)


def test_a_profile_made_during_the_computation_is_not_overwritten(now):
    UserProfile.objects.all().delete()
    user = found_user(1)
    purchase(2, "SECOND")
    favorite_pairs(user, read_tallies(1), offer_of(), now, np.random.default_rng(1))
    assert profile().purchases_at_last_update == 2


def test_a_user_who_was_erased_during_the_computation_does_not_come_back(now):
    UserProfile.objects.all().delete()
    user, tallies = found_user(1), read_tallies(1)
    erase_user(1, now)
    favorite_pairs(user, tallies, offer_of(), now, np.random.default_rng(1))
    assert not UserProfile.objects.exists()


@pytest.mark.parametrize("has_profile", [True, False])
def test_storing_pairs_does_not_wait_for_the_disk(now, has_profile):
    if not has_profile:
        UserProfile.objects.all().delete()
    request_leagues(now)
    assert profile().favorite_sport_league_json
    with casino_connection().cursor() as cursor:  # within the transaction of the test
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("off",)


@pytest.mark.parametrize(("refresh", "served"), [(2, "SECOND"), (3, "FIRST")])
def test_the_number_of_purchases_is_a_setting(now, settings, refresh, served):
    settings.INFERENCE_REFRESH_PURCHASES = refresh
    request_leagues(now)
    purchase(2, "SECOND")
    assert request_leagues(now) == {served}


@pytest.mark.parametrize("stored", [{}, [[]], [["FOOTBALL"]], [["FOOTBALL", None]], "x", 5])
def test_unreadable_pairs_are_recomputed(now, stored):
    request_leagues(now)
    UserProfile.objects.update(favorite_sport_league_json=stored)
    assert request_leagues(now) == {"FIRST"}


def test_a_pair_whose_events_have_all_begun_is_not_stored(now):
    EventFactory.create(league="SOON OVER", begin_timestamp=now + timedelta(minutes=5))
    recommend(casino_id=1, recommender_type="static", user_id=1, now=now)  # the cached offer has the event
    request_leagues(now + timedelta(minutes=5))
    assert profile().favorite_sport_league_json == [["FOOTBALL", "FIRST", "ENGLAND"], ["FOOTBALL", "SECOND", "ENGLAND"]]


def test_stored_pairs_do_not_expire():
    request_leagues(datetime.now(UTC))
    assert request_leagues(datetime.now(UTC) + timedelta(hours=20)) == {"FIRST"}
