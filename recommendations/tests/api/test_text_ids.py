"""The API takes and shows the casino's own ids, also those that are text; the numbers behind them are never shown."""

from urllib.parse import quote

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from recommendations.models import PurchasedCoupon, User
from recommendations.storing import store_coupons, store_events, store_users
from recommendations.tests.factories import coupon_row, event_row, selection_row, user_row
from recommendations.text_ids import Kind, id_of, texts_of
from recommendations.validation.own_ids import FIRST_TEXT_ID
from tenants.routing.context import use_casino

pytestmark = pytest.mark.usefixtures("each_path")

UUID = "550e8400-e29b-41d4-a716-446655440000"
USERS = [UUID, "sr:user:1", "a/b?c#d %41", "Zoë 日本", "user/export", "..", "007", "ADA", "ada", str(2**62 + 1)]
EVENTS = ["sr:match:1", "sr:match:2", "sr:match:3", "sr:match:4"]
SCHEMA = {
    "user_id": "string",
    "events": {
        "type": "list",
        "source_field": "recommended_events",
        "fields": {"id": {"type": "string", "source_field": "event_id"}},
    },
}


def event_of(own, **changes):
    return event_row(id=own, **{"home_team": f"{own}", "away_team": f"{own} AWAY"} | changes)


@pytest.fixture
def stored(casino_a):
    with use_casino(casino_a.current):
        store_users([user_row(id=own) for own in [*USERS, 31]])
        store_events([event_of(own) for own in EVENTS])


@pytest.fixture
def call(caller_a, stored):
    def configure(schema=SCHEMA, **options):
        body = {"recommender_type": "static", "recommendation_schema": schema, "options": options}
        return caller_a.post("/config", body)

    assert configure().status_code == 200
    caller_a.configure_options = configure
    return caller_a


def shown(answer):
    return [event["id"] for event in answer.json()["events"]]


@pytest.mark.covered
@pytest.mark.parametrize("own", USERS)
def test_a_user_is_found_and_named_by_text(call, own):
    answer = call.get(f"/recommend/{quote(own, safe='')}")
    assert answer.status_code == 200
    assert answer.json()["user_id"] == own
    assert len(shown(answer)) == 3
    assert set(shown(answer)) <= set(EVENTS)


@pytest.mark.covered
@pytest.mark.parametrize("own", ["sr:user:2", "SR:user:1", "7", "a/b", "%00", "x" * 129, str(FIRST_TEXT_ID)])
def test_an_unknown_user_gets_404(call, own):
    answer = call.get(f"/recommend/{quote(own)}")
    assert (answer.status_code, answer.json()["error"]) == (404, "User not found")


def test_the_number_behind_a_text_is_no_ones_id(call, casino_a):
    with use_casino(casino_a.current):
        number = id_of(Kind.USERS, UUID)
    assert call.get(f"/recommend/{number}").status_code == 404
    assert call.post("/recommend", {"user_ids": [number]}).json()["unknown_users"] == [str(number)]


def test_a_batch_takes_numbers_and_texts(call):
    answer = call.post("/recommend", {"user_ids": ["sr:user:1", 31, "31", UUID, "nobody", 32]}).json()
    assert [each["user_id"] for each in answer["recommendations"]] == ["sr:user:1", "31", UUID]
    assert answer["unknown_users"] == ["nobody", 32]


def test_users_of_another_casino_are_unknown(call, caller_b, casino_b):
    caller_b.configure("static")
    assert caller_b.get(f"/recommend/{UUID}").status_code == 404


def test_excluded_and_blocked_events_are_named_by_text(call):
    assert shown(call.get(f"/recommend/31?exclude={EVENTS[0]},{EVENTS[1]}&limit=4")) == EVENTS[2:]
    answer = call.post("/recommend", {"user_ids": [31], "exclude": EVENTS[1:], "limit": 4}).json()
    assert [event["id"] for event in answer["recommendations"][0]["events"]] == EVENTS[:1]
    assert call.configure_options(blocked={"events": EVENTS[2:]}).status_code == 200
    assert shown(call.get("/recommend/31?limit=4")) == EVENTS[:2]
    assert call.configure_options(pinned={"events": EVENTS[3:]}).status_code == 200
    assert shown(call.get("/recommend/31?limit=1")) == EVENTS[3:]


def test_an_excluded_event_stands_for_the_same_match_under_another_id(call, casino_a):
    with use_casino(casino_a.current):
        store_events([event_of("other", home_team=EVENTS[0], away_team=f"{EVENTS[0]} AWAY", status="SUSPENDED")])
    assert EVENTS[0] not in shown(call.get("/recommend/31?exclude=other&limit=4"))


def test_an_event_that_comes_later_is_shown_by_its_text(call, casino_a):
    call.get("/recommend/31")
    with use_casino(casino_a.current):
        store_events([event_of("later"), event_of(5)])
    assert set(shown(call.get("/recommend/31?limit=9"))) == {*EVENTS, "later", "5"}


def test_a_held_event_is_not_shown_again(call, casino_a):
    with use_casino(casino_a.current):
        bet = selection_row(event_id=EVENTS[0], home_team="OTHER")
        store_coupons([coupon_row(id="c", user_id=UUID, recommended_events=(bet,))])
    assert shown(call.get(f"/recommend/{UUID}?limit=9")) == EVENTS[1:]


def test_an_explanation_has_the_texts(call):
    explained = call.get(f"/recommend/{UUID}?explain=1&limit=9").json()["explanation"]["events"]
    assert sorted(each["event_id"] for each in explained) == EVENTS


@pytest.mark.parametrize("type_", ["int", "float"])
def test_numbers_are_refused_where_users_have_texts(call, type_):
    answer = call.configure_options({"user": {"type": type_, "source_field": "id"}})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_configuration")
    expected = f"user can't be given the type {type_}: {len(USERS)} users have ids that are no {type_}, such as"
    assert expected in answer.json()["error"]


def test_numbers_are_refused_where_events_have_texts(call):
    fields = {"id": {"type": "int", "source_field": "event_id"}}
    schema = {"events": {"type": "list", "source_field": "recommended_events", "fields": fields}}
    error = call.configure_options(schema).json()["error"]
    assert "4 events have ids that are no int, such as sr:match:1" in error


def test_uuids_are_given_where_all_ids_are(caller_a, casino_a):
    body = {"recommender_type": "static", "recommendation_schema": {"user_id": "uuid"}}
    with use_casino(casino_a.current):
        store_users([user_row(id=UUID)])
        assert caller_a.post("/config", body).status_code == 200
        assert caller_a.get(f"/recommend/{UUID}").json() == {"user_id": UUID}
        store_users([user_row(id=31)])
    assert "1 user has an id that is no uuid, such as 31" in caller_a.post("/config", body).json()["error"]


@pytest.mark.parametrize("declared", ["int", "float", "uuid"])
def test_a_later_user_of_another_type_gets_an_error_and_no_wrong_number(caller_a, casino_a, declared):
    body = {"recommender_type": "static", "recommendation_schema": {"user_id": declared}}
    assert caller_a.post("/config", body).status_code == 200
    with use_casino(casino_a.current):
        store_users([user_row(id="007")])
    answer = caller_a.get("/recommend/007")
    assert (answer.status_code, answer.json()["code"]) == (409, "id_not_of_type")
    assert answer.json()["error"].startswith(f"The id 007 is no {declared}: map it to string")


@pytest.mark.covered
@pytest.mark.parametrize("declared", ["int", "float", "uuid"])
def test_of_a_batch_one_user_of_another_type_gets_an_error_and_the_others_their_bets(caller_a, casino_a, declared):
    numbers = [UUID] if declared == "uuid" else [31, 32]
    body = {"recommender_type": "static", "recommendation_schema": {"user_id": declared}}
    assert caller_a.post("/config", body).status_code == 200
    with use_casino(casino_a.current):
        store_users([user_row(id=own) for own in ["007", *numbers]])
    answer = caller_a.post("/recommend", {"user_ids": ["nobody", "007", *numbers]})
    assert answer.status_code == 200
    alone = caller_a.get("/recommend/007").json()
    assert answer.json() == {
        "recommendations": [{"user_id": own} for own in numbers],
        "unknown_users": ["nobody"],
        "failed_users": [{"user_id": "007", **alone}],
    }
    assert "failed_users" not in caller_a.post("/recommend", {"user_ids": numbers}).json()


def test_an_event_of_another_type_fails_the_users_who_would_see_it(call, casino_a):
    fields = {"id": {"type": "int", "source_field": "event_id"}}  # as configured before there were events
    casino_a.refresh_from_db()
    casino_a.recommendation_schema = {
        "events": {"type": "list", "source_field": "recommended_events", "fields": fields}
    }
    casino_a.save()
    answer = call.post("/recommend", {"user_ids": [31]}).json()
    assert (answer["recommendations"], [each["user_id"] for each in answer["failed_users"]]) == ([], [31])
    assert answer["failed_users"][0]["code"] == "id_not_of_type"


def test_a_purchase_takes_a_text(call, casino_a, settings):
    settings.RECSYS_TEST_ENDPOINTS = True
    assert call.post(f"/purchase/{UUID}").status_code == 201
    assert call.post("/purchase/nobody").status_code == 404
    with use_casino(casino_a.current):
        assert {*PurchasedCoupon.objects.values_list("user_id", flat=True)} == {id_of(Kind.USERS, UUID)}


@pytest.mark.covered
def test_an_export_has_the_casinos_own_ids_alone(call, casino_a):
    with use_casino(casino_a.current):
        bet = selection_row(event_id=EVENTS[0], home_team="OTHER")
        store_coupons([coupon_row(id="c", user_id=UUID, recommended_events=(bet,))])
        numbers = texts_of(range(FIRST_TEXT_ID, FIRST_TEXT_ID + 10_000))
    answer = call.get(f"/users/{UUID}/export")
    exported = answer.json()
    assert (exported["user_id"], exported["user"]["id"], exported["coupons"][0]["user_id"]) == (UUID, UUID, UUID)
    assert exported["coupons"][0]["id"] == "c"
    assert exported["coupons"][0]["recommended_events"][0]["event_id"] == EVENTS[0]
    assert numbers
    assert not any(str(number) in answer.content.decode() for number in numbers)


def test_a_user_is_erased_by_text(call, casino_a, caller_b):
    path = f"/users/{quote('a/b?c#d %41', safe='')}"
    assert call.delete(path).status_code == 200
    assert call.delete(path).status_code == 404
    with use_casino(casino_a.current):
        assert User.objects.count() == len(USERS)


def test_one_user_costs_one_query(call):
    call.get(f"/recommend/{UUID}")
    with CaptureQueriesContext(connections["casino_1"]) as queries:
        call.get(f"/recommend/{UUID}")
    assert len(queries) == 1
