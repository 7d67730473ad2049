"""Users who do not allow personalisation: nothing is learnt about them, until they allow it again."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from msgspec import UNSET

from recommendations.evaluation.training import fit_models
from recommendations.models import User, UserProfile, UserTallies
from recommendations.recommenders.registry import get_recommender
from recommendations.replay.casino_history import casino_history
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.load import build_user_context, find
from recommendations.storing import restrict_users, store_coupons, store_users
from recommendations.storing.casino_tallies import merge_casino_sums
from recommendations.storing.privacy import export_user, forget_user
from recommendations.storing.rebuild import rebuild_profiles
from recommendations.storing.user_tallies import MERGE_AT
from recommendations.tests.factories import at, coupon_row, removal, user_row
from recommendations.validation.changes import UserChange
from tenants.routing.connections import execute
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, casino_b):
    with use_casino(casino_b.current):
        store_users([user_row(id=1)])
    with use_casino(casino_a.current):
        yield


def allow(personalisation, minute, *, user_id=1, partial=True):
    if partial:
        store_users([UserChange(id=user_id, timestamp=at(minute), personalisation=personalisation)])
    else:
        store_users([user_row(id=user_id, timestamp=at(minute), personalisation=personalisation)])


def buy(count, *, user_id=1, first=0):
    store_coupons([coupon_row(id=first + n, user_id=user_id, timestamp=NOW) for n in range(1, count + 1)])


def stored(user_id=1):
    return User.objects.get(id=user_id).personalisation


def learnt():
    """The number of coupons that a recommender would receive."""
    request = RecommendationRequest(1, get_recommender("profile"), NOW)
    found = find([1], NOW, request.hour)
    profile = build_user_context(found.users[1], request, found.casino_context).profile
    return profile.counts.get("sport", {}).get("FOOTBALL", 0)


def test_a_user_allows_personalisation_until_a_message_says_otherwise():
    store_users([user_row(id=1), user_row(id=2, personalisation=False)])
    assert (stored(1), stored(2)) == (True, False)


@pytest.mark.parametrize("partial", [True, False])
def test_a_message_without_it_leaves_it_and_another_casinos_user_stays(casino_b, partial):
    store_users([user_row(id=1)])
    allow(False, 1, partial=partial)
    store_users([user_row(id=1, timestamp=at(2), country="SPAIN"), UserChange(id=1, timestamp=at(3), gender="OTHER")])
    assert not stored()
    with use_casino(casino_b.current, switch=True):
        assert stored()


def test_the_latest_message_counts_in_any_order_and_of_one_time_the_refusal():
    store_users([user_row(id=user_id) for user_id in range(10, 30)])
    for user_id, consents in enumerate(permutations([(False, 1), (True, 2), (True, 1)]), start=10):
        for allowed, minute in consents:
            allow(allowed, minute, user_id=user_id)
        assert stored(user_id), consents
    for user_id, consents in enumerate(permutations([(True, 1), (True, 2), (False, 2)]), start=20):
        for allowed, minute in consents:
            allow(allowed, minute, user_id=user_id)
        assert not stored(user_id), consents


def test_consent_of_before_the_users_latest_message_counts():
    """As after an upgrade, when a casino sends what it recorded long ago."""
    store_users([user_row(id=1, timestamp=at(50))])
    allow(False, -60 * 24 * 365)
    assert not stored()


@pytest.mark.parametrize("consents", [*permutations([(True, 1), (False, 2)])])
def test_a_refusal_of_an_unknown_user_waits(consents):
    """As of a rejected message, which makes no row."""
    for allowed, minute in consents:
        restrict_users([UserChange(id=1, timestamp=at(minute), personalisation=allowed)])
    store_users([user_row(id=1, timestamp=at(5))])
    assert not stored()


def test_a_removed_user_who_comes_again_is_asked_again():
    store_users([user_row(id=1, personalisation=False), removal(1, 2), user_row(id=1, timestamp=at(3))])
    assert stored()


def test_a_later_message_about_it_keeps_a_user_from_an_older_removal():
    store_users([user_row(id=1)])
    allow(False, 9)
    store_users([removal(1, 5)])
    assert not stored()


def test_a_refusal_forgets_what_was_learnt_and_consent_counts_all_coupons_again():
    store_users([user_row(id=1)])
    buy(MERGE_AT)
    UserProfile.objects.update(favorite_sport_league_json=[["FOOTBALL", "L", "ENGLAND"]])
    assert (learnt(), UserTallies.objects.count()) == (MERGE_AT, 1)
    allow(False, 1)
    profile = UserProfile.objects.get()
    assert (profile.favorite_sport_league_json, profile.pending_coupon_ids) == (None, [])
    assert (learnt(), UserTallies.objects.count()) == (0, 0)
    allow(True, 2)
    assert learnt() == MERGE_AT


@pytest.mark.covered
@pytest.mark.parametrize("batch", [1, 9, 3 * MERGE_AT])
def test_coupons_of_a_user_who_refuses_are_stored_and_counted_but_not_learnt(batch):
    store_users([user_row(id=1, personalisation=False), user_row(id=2)])
    for first in range(0, 3 * MERGE_AT, batch):
        buy(batch, first=first)
        buy(batch, user_id=2, first=1_000 + first)
    assert [*UserTallies.objects.values_list("user_id", flat=True)] == [2]
    profile = UserProfile.objects.get(user_id=1)
    assert (profile.coupon_count, profile.stake_total) == (3 * MERGE_AT, Decimal(10) * 3 * MERGE_AT)
    assert len(profile.pending_coupon_ids) < MERGE_AT
    assert [*rebuild_profiles()] == [2]
    assert [*UserTallies.objects.values_list("user_id", flat=True)] == [2]
    allow(True, 1)
    assert learnt() == 3 * MERGE_AT
    buy(MERGE_AT, first=500)
    assert (learnt(), UserTallies.objects.count()) == (4 * MERGE_AT, 2)


def test_their_bets_count_in_what_is_popular_with_all():
    store_users([user_row(id=1, personalisation=False)])
    buy(3)
    merge_casino_sums()
    found = find((), NOW, NOW.timestamp())
    assert found.casino_context.trends.weights["sport"]["FOOTBALL"] == pytest.approx(3, rel=0.1)


def test_models_are_fitted_without_them():
    store_users([user_row(id=n, personalisation=n > 3 or UNSET) for n in range(1, 7)])
    for n in range(1, 7):
        buy(5, user_id=n, first=100 * n)
    with_all = fit_models(NOW + timedelta(minutes=1), 1)
    for n in range(1, 7):
        allow(False, 1, user_id=n)
    assert casino_history(casino_id=1, until=NOW + timedelta(minutes=1)).coupons == []
    assert (with_all is not None, fit_models(NOW + timedelta(minutes=1), 1)) == (True, None)


def test_psql_is_no_way_around_it():
    store_users([user_row(id=1)])
    buy(MERGE_AT)
    execute("UPDATE users SET personalisation = false")
    assert (UserTallies.objects.count(), learnt()) == (0, 0)


def test_a_user_who_refuses_can_be_exported_and_erased(casino_a):
    store_users([user_row(id=1, personalisation=False)])
    buy(MERGE_AT)
    exported = export_user(casino=casino_a, user_id=1, by="test")
    assert (exported["user"]["personalisation"], exported["tallies"], len(exported["coupons"])) == (False, {}, MERGE_AT)
    forget_user(casino=casino_a, user_id=1, by="test", now=NOW)
    assert not User.objects.exists()
    assert not UserProfile.objects.exists()
