"""Answers to users who do not allow personalisation: those of anybody, at every endpoint of a user."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connections

from recommendations.models import User, UserProfile
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving.explanation import NOT_PERSONAL
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory, selection
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.usefixtures("each_path"), pytest.mark.covered]

SCHEMA = {
    "stake": "string",
    "recommender": "string",
    "fallback_step": "int",
    "confidence": "float",
    "reasons": "list",
    "events": {
        "type": "list",
        "source_field": "recommended_events",
        "fields": {"id": "int", "odd": "string", "why": {"type": "list", "source_field": "reasons"}},
    },
}
NOT_PERSONAL_ONES = {"static", "soonest", "trending"}
REGULAR, NEW = 1, 2


@pytest.fixture
def casino(casino_a, casino_b):
    """Two users who do not allow it, one with favourites and many coupons on late events, the other without anything.
    In casino B the same regular allows it."""
    for each in (casino_b, casino_a):
        with use_casino(each.current):
            begin = datetime.now(UTC) + timedelta(days=1)
            EventFactory.create_each(
                {"id": n, "sport": "HANDBALL" if n > 6 else "FOOTBALL", "begin_timestamp": begin + timedelta(hours=n)}
                for n in range(1, 13)
            )
            regular = {"id": REGULAR, "favorite_sport": "HANDBALL", "country": "DENMARK"}
            UserFactory.create_each([regular, {"id": NEW, "favorite_sport": "", "country": "NOWHERE"}])
            bets = (selection(event_id=n + 100, sport="HANDBALL", home_team=f"HOME {n}") for n in (7, 8, 8, 9))
            TalliedCouponFactory.create_each(
                {"user_id": REGULAR, "stake": Decimal(77), "recommended_events": [bet]} for bet in bets
            )
            User.objects.update(personalisation=each == casino_b)
    return casino_a


def configure(caller, recommender_type, **options):
    body = {"recommender_type": recommender_type, "recommendation_schema": SCHEMA, "options": options}
    assert caller.post("/config", body).status_code == 200


@pytest.mark.parametrize("name", RECOMMENDERS)
def test_the_answer_to_a_regular_is_that_to_a_new_user(caller_a, casino, name):
    configure(caller_a, name)
    regular, new = (caller_a.get(f"/recommend/{user_id}?explain=1").json() for user_id in (REGULAR, NEW))
    assert regular == new
    assert regular["recommender"] in NOT_PERSONAL_ONES
    assert (regular["stake"], regular["confidence"]) == ("10.00", 0)
    assert [event["id"] for event in regular["events"]] == [1, 2, 3]
    assert regular["explanation"]["personalisation"] == NOT_PERSONAL


@pytest.mark.parametrize("name", ["profile", "inference", "inference_score", "hybrid", "dynamic"])
def test_in_another_casino_that_regular_is_known_and_nothing_is_explained(caller_b, casino, name):
    configure(caller_b, name)
    answer = caller_b.get(f"/recommend/{REGULAR}?explain=1").json()
    assert (answer["recommender"], answer["stake"]) == (name, "77.00")
    assert answer["events"][0]["id"] > 6
    assert "personalisation" not in answer["explanation"]


def test_each_endpoint_of_a_user_gives_the_same_answer(caller_a, casino):
    configure(caller_a, "hybrid", fallbacks=["profile", "trending"])
    one = caller_a.get(f"/recommend/{REGULAR}").json()
    several = caller_a.post("/recommend", {"user_ids": [REGULAR, NEW]}).json()["recommendations"]
    added = caller_a.post(f"/recommend/{REGULAR}/next", {"selections": []}).json()
    assert one["recommender"] == "soonest"
    assert several == [one, one]
    assert added == one
    more = caller_a.post(f"/recommend/{REGULAR}/next", {"selections": [{"event_id": 1}]}).json()
    assert [event["id"] for event in more["events"]] == [2, 3, 4]


def test_limits_hold_for_the_casinos_stake(caller_a, casino):
    configure(caller_a, "hybrid", default_stakes={"EUR": 40}, max_stakes={"EUR": 30})
    assert caller_a.get(f"/recommend/{REGULAR}").json()["stake"] == "30.00"
    with use_casino(casino.current):
        User.objects.update(stake_limit=Decimal(5))
    assert caller_a.get(f"/recommend/{REGULAR}").json()["stake"] == "5.00"
    with use_casino(casino.current):
        User.objects.update(limit_left=Decimal(0))
    assert caller_a.get(f"/recommend/{REGULAR}").json()["events"] == []


def test_consent_counts_from_the_next_request_on(caller_a, casino):
    configure(caller_a, "profile")
    assert caller_a.get(f"/recommend/{REGULAR}").json()["recommender"] == "soonest"
    with use_casino(casino.current):
        User.objects.update(personalisation=True)
    assert caller_a.get(f"/recommend/{REGULAR}").json()["recommender"] == "profile"


def test_a_request_asks_the_casino_once_and_stores_no_favourites(caller_a, casino, django_assert_num_queries):
    configure(caller_a, "inference")
    caller_a.get(f"/recommend/{REGULAR}")
    with django_assert_num_queries(1, connection=connections["casino_1"]):
        caller_a.get(f"/recommend/{REGULAR}")
    with use_casino(casino.current):
        assert UserProfile.objects.get(user_id=REGULAR).favorite_sport_league_json is None
