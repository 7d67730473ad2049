"""`/purchase/<user_id>`: three dummy coupons, for testing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client

from recommendations.models import Event, PurchasedCoupon, UserProfile
from recommendations.tests.factories import EventFactory, UserFactory
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered


@pytest.fixture(autouse=True)
def _test_endpoints(settings):
    settings.RECSYS_TEST_ENDPOINTS = True


@pytest.fixture
def users(casino_a, casino_b):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory.create(id=31)
            EventFactory.create_batch(4)


@pytest.mark.parametrize("method", ["get", "post"])
def test_three_coupons_are_created(caller_a, casino_a, users, method):
    answer = getattr(caller_a, method)("/purchase/31")
    assert answer.status_code == 201
    assert list(answer.json()) == ["message", "coupon_ids"]
    assert answer.json()["message"] == "Coupons created successfully"
    with use_casino(casino_a.current):
        stored = PurchasedCoupon.objects.filter(user_id=31).values_list("pk", flat=True)
        assert len(stored) == 3
        assert sorted(answer.json()["coupon_ids"]) == sorted(stored)


def test_each_coupon_has_three_different_open_events_as_they_stand(caller_a, casino_a, users):
    with use_casino(casino_a.current):
        EventFactory.create(begin_timestamp=datetime.now(UTC) - timedelta(hours=1))
    caller_a.post("/purchase/31")
    with use_casino(casino_a.current):
        for coupon in PurchasedCoupon.objects.all():
            selections = coupon.recommended_events
            assert len({selection["event_id"] for selection in selections}) == 3
            for selection in selections:
                event = Event.objects.get(pk=selection["event_id"])
                assert event.begin_timestamp > datetime.now(UTC)
                assert Decimal(str(selection["odd"])) == event.odd
                for field in ("country", "league", "home_team", "away_team", "sport"):
                    assert selection[field] == getattr(event, field)


def test_the_coupons_are_counted_in_the_users_profile(caller_a, casino_a, users):
    caller_a.post("/purchase/31")
    caller_a.get("/purchase/31")
    with use_casino(casino_a.current):
        profile = UserProfile.objects.get(user_id=31)
        stakes = PurchasedCoupon.objects.values_list("stake", flat=True)
        assert (profile.purchases_at_last_update, profile.coupon_count) == (6, 6)
        assert profile.stake_total == sum(stakes)


def test_another_casinos_user_of_the_same_id_gets_none(caller_a, casino_b, users):
    caller_a.post("/purchase/31")
    with use_casino(casino_b.current):
        assert PurchasedCoupon.objects.count() == UserProfile.objects.count() == 0


@pytest.mark.parametrize("method", ["get", "post"])
def test_where_test_endpoints_are_off_it_does_not_exist(caller_a, casino_a, users, settings, method):
    settings.RECSYS_TEST_ENDPOINTS = False
    answer = getattr(caller_a, method)("/purchase/31")
    assert (answer.status_code, list(answer.json())) == (404, ["error", "code", "details"])
    with use_casino(casino_a.current):
        assert not PurchasedCoupon.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("user_id", ["32", "abc", "-5", "0", "1.5", "99999999999999999999"])
def test_an_unknown_user_is_not_found(caller_a, users, method, user_id):
    answer = getattr(caller_a, method)(f"/purchase/{user_id}")
    assert (answer.status_code, answer.json()["error"]) == (404, "User not found")


def test_without_open_events_there_is_nothing_to_bet_on(caller_a, casino_a):
    with use_casino(casino_a.current):
        UserFactory.create(id=31)
        EventFactory.create(begin_timestamp=datetime.now(UTC) - timedelta(hours=1))
    answer = caller_a.post("/purchase/31")
    assert (answer.status_code, list(answer.json())) == (409, ["error", "code", "details"])
    with use_casino(casino_a.current):
        assert not PurchasedCoupon.objects.exists()


def test_it_needs_no_configuration(caller_a, users):
    assert caller_a.post("/purchase/31").status_code == 201


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({}, 400, "Casino-ID header is required"),
        ({"Casino-ID": "one"}, 400, "Casino-ID header must be an integer"),
        ({"Casino-ID": "77"}, 404, "Casino not found"),
    ],
)
def test_a_request_must_name_a_casino_that_exists(users, method, headers, status, text):
    answer = getattr(Client(), method)("/purchase/31", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, text)


def test_a_head_request_buys_nothing(caller_a, casino_a, users):
    assert Client().head("/purchase/7", headers={"Casino-ID": "1"}).status_code == 405
    with use_casino(casino_a.current):
        assert not PurchasedCoupon.objects.exists()
