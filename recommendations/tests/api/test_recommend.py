"""`GET /recommend/<user_id>`: the bets to show this user now, in the casino's own fields."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client

from recommendations.models import PurchasedCoupon
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.tests.factories import EventFactory, UserFactory
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.usefixtures("each_path"), pytest.mark.slow, pytest.mark.covered]

EVENT_KEYS = {"country", "league", "home_team", "away_team", "sport", "odd"}


@pytest.fixture
def users(casino_a, casino_b):
    """User 31 in both casinos, who are two different people, and five events in each."""
    for casino, country in ((casino_a, "BRAZIL"), (casino_b, "SPAIN")):
        with use_casino(casino.current):
            UserFactory.create(id=31, country=country)
            EventFactory.create_batch(5, country=country, league=f"{country} LEAGUE")


def test_the_example_configuration_gets_exactly_its_four_fields(caller_a, users, example_configuration):
    caller_a.post("/config", example_configuration)
    before = datetime.now(UTC).timestamp()
    answer = caller_a.get("/recommend/31")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    slip = answer.json()
    assert {name: type(value) for name, value in slip.items()} == {
        "user_id": int,
        "bet": float,
        "time": float,
        "events": list,
    }
    assert (slip["user_id"], slip["bet"]) == (31, 10.0)
    assert before <= slip["time"] <= datetime.now(UTC).timestamp()
    assert len(slip["events"]) == 3
    for event in slip["events"]:
        assert set(event) == EVENT_KEYS
        assert (event["country"], event["league"], event["odd"]) == ("BRAZIL", "BRAZIL LEAGUE", 2.5)
        assert {type(event[key]) for key in EVENT_KEYS - {"odd"}} == {str}


def test_every_value_has_its_declared_type(caller_a, users):
    schema = {
        "who": {"type": "string", "source_field": "user_id"},
        "stake": "string",
        "iso": {"type": "string", "source_field": "timestamp"},
        "seconds": {"type": "int", "source_field": "timestamp"},
        "recommendation_id": "uuid",
        "recommender": "string",
    }
    caller_a.post("/config", {"recommender_type": "dynamic", "recommendation_schema": schema})
    slip = caller_a.get("/recommend/31").json()
    assert set(slip) == set(schema)
    assert (slip["who"], slip["stake"], slip["recommender"]) == ("31", "10.00", "dynamic")
    assert datetime.fromisoformat(slip["iso"]).tzinfo is not None
    assert type(slip["seconds"]) is int
    assert int(datetime.fromisoformat(slip["iso"]).timestamp()) == slip["seconds"]
    assert str(UUID(slip["recommendation_id"])) == slip["recommendation_id"]


def test_the_stake_is_the_median_of_the_users_own(caller_a, casino_a, users, settings):
    settings.RECSYS_TEST_ENDPOINTS = True
    caller_a.configure("static")
    coupon_ids = caller_a.post("/purchase/31").json()["coupon_ids"]
    with use_casino(casino_a.current):
        stakes = PurchasedCoupon.objects.filter(pk__in=coupon_ids).values_list("stake", flat=True)
        median = float(sorted(stakes)[1])
        EventFactory.create_batch(3)  # the dummy coupons may hold all others
    assert caller_a.get("/recommend/31").json()["bet"] == median


def test_two_casinos_with_the_same_user_id_get_their_own_events(caller_a, caller_b, users):
    caller_a.configure("inference_score")
    caller_b.configure("inference_score")
    countries = [{e["country"] for e in each.get("/recommend/31").json()["events"]} for each in (caller_a, caller_b)]
    assert countries == [{"BRAZIL"}, {"SPAIN"}]


def test_a_user_of_another_casino_is_not_found(caller_a, caller_b, casino_b):
    caller_a.configure("static")
    with use_casino(casino_b.current):
        user = UserFactory.create()
    assert caller_a.get(f"/recommend/{user.pk}").status_code == 404


def test_an_unconfigured_casino_gets_400(caller_a, users):
    answer = caller_a.get("/recommend/31")
    assert answer.status_code == 400
    assert answer.json()["error"] == "Casino is not configured. Please set up the casino first."


@pytest.mark.parametrize(
    "user_id",
    [
        *("32", "abc", "-5", "0", "1.5", "31 ", "+31", "3_1", "٣١", "31;DROP TABLE users", "%00"),
        *("9223372036854775807", "9223372036854775808", "99999999999999999999"),
        *("0" * 30, "9" * 5000, "0" * 15 + "9" * 20, "0" * 9 + "9" * 5000),
    ],
)
def test_an_unknown_or_impossible_user_is_not_found(caller_a, users, user_id):
    caller_a.configure("static")
    answer = caller_a.get(f"/recommend/{user_id}")
    assert (answer.status_code, answer.json()["error"]) == (404, "User not found")


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({}, 400, "Casino-ID header is required"),
        ({"Casino-ID": "one"}, 400, "Casino-ID header must be an integer"),
        ({"Casino-ID": "1.5"}, 400, "Casino-ID header must be an integer"),
        ({"Casino-ID": "77"}, 404, "Casino not found"),
        ({"Casino-ID": "0"}, 404, "Casino not found"),
    ],
)
def test_a_request_must_name_a_casino_that_exists(users, headers, status, text):
    answer = Client().get("/recommend/31", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, text)


@pytest.mark.parametrize("name", RECOMMENDERS)
def test_events_that_have_begun_are_never_recommended(caller_a, casino_a, name):
    with use_casino(casino_a.current):
        UserFactory.create(id=1)
        now = datetime.now(UTC)
        for hours in (-48, -3, -1, 0):
            EventFactory.create(begin_timestamp=now + timedelta(hours=hours), home_team=f"OVER {hours}")
        EventFactory.create(home_team="OPEN")
    caller_a.configure(name)
    assert [event["home_team"] for event in caller_a.get("/recommend/1").json()["events"]] == ["OPEN"]


def test_a_casino_without_open_events_answers_an_empty_slip(caller_a, casino_a):
    with use_casino(casino_a.current):
        UserFactory.create(id=1)
    caller_a.configure("inference")
    answer = caller_a.get("/recommend/1")
    assert (answer.status_code, answer.json()["events"]) == (200, [])


def test_manual_changes_reach_the_next_request(caller_a, casino_a, users):
    caller_a.configure("static")
    first, second = caller_a.get("/recommend/31").json()["events"][:2]
    with use_casino(casino_a.current), casino_connection().cursor() as cursor:
        cursor.execute("UPDATE events SET odd = 7.25 WHERE home_team = %s", [second["home_team"]])
        assert caller_a.get("/recommend/31").json()["events"][1] == {**second, "odd": 7.25}
        cursor.execute("DELETE FROM events WHERE home_team = %s", [first["home_team"]])
        assert caller_a.get("/recommend/31").json()["events"][0] == {**second, "odd": 7.25}
