"""`/recommend`: request filters, all fields of a response, options and guard rails."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections

from recommendations.models import User, UserProfile, UserTallies
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory, selection
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import grid

pytestmark = pytest.mark.usefixtures("each_path")

SCHEMA = {
    "user_id": "int",
    "stake": "string",
    "recommender": "string",
    "fallback_step": "int",
    "refusal": "string",
    "count": "int",
    "total_odds": "string",
    "potential_return": "string",
    "currency": "string",
    "expires_at": "string",
    "confidence": "float",
    "reasons": "list",
    "events": {
        "type": "list",
        "source_field": "recommended_events",
        "fields": {
            "id": "int",
            "price": {"type": "string", "source_field": "odd"},
            "begin_timestamp": "string",
            "status": "string",
            "why": {"type": "list", "source_field": "reasons"},
        },
    },
}


@pytest.fixture
def events(casino_a, casino_b):
    """User 1 in both casinos; five events of each, of which casino A's have the ids 1 to 5."""
    with use_casino(casino_b.current):
        UserFactory.create(id=1)
        EventFactory.create_batch(5)
    with use_casino(casino_a.current):
        UserFactory.create(id=1, country="NOWHERE", favorite_sport="HANDBALL")
        begin = datetime.now(UTC) + timedelta(days=1)
        yield EventFactory.create_each(
            {"id": n, "sport": sport, "begin_timestamp": begin + timedelta(hours=n), "odd": Decimal(n) + 1}
            for n, sport in enumerate(("FOOTBALL", "HANDBALL", "FOOTBALL", "BASKETBALL", "FOOTBALL"), start=1)
        )


@pytest.fixture
def get_response(caller_a):
    def get_response(path="/recommend/1", recommender_type="soonest", **options):
        body = {"recommender_type": recommender_type, "recommendation_schema": SCHEMA, "options": options}
        configured = caller_a.post("/config", body)
        assert configured.status_code == 200, configured.content
        return caller_a.get(path)

    return get_response


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [event["id"] for event in answer.json()["events"]]


def test_a_response_may_have_all_source_fields(get_response, events):
    slip = get_response().json()
    assert slip == {
        "user_id": 1,
        "stake": "10.00",
        "recommender": "soonest",
        "fallback_step": 0,
        "refusal": "",
        "count": 3,
        "total_odds": "24.0000",
        "potential_return": "240.00",
        "currency": "EUR",
        "expires_at": events[0].begin_timestamp.isoformat(),
        "confidence": 0.0,
        "reasons": ["It begins in 1 day"],
        "events": [
            {
                "id": event.pk,
                "price": str(float(event.odd)),
                "begin_timestamp": event.begin_timestamp.isoformat(),
                "status": "OPEN",
                "why": ["It begins in 1 day"],
            }
            for event in events[:3]
        ],
    } | {"total_odds": slip["total_odds"]}
    assert Decimal(slip["total_odds"]) == 24


@pytest.mark.covered
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("limit=1", [1]),
        ("limit=20", [1, 2, 3, 4, 5]),
        ("exclude=1,3", [2, 4, 5]),
        ("sport=football", [1, 3, 5]),
        ("sport=handball,basketball&limit=5", [2, 4]),
        ("sport=football&exclude=1&limit=1", [3]),
    ],
)
def test_a_request_may_filter_events(get_response, events, query, shown):
    assert ids(get_response(f"/recommend/1?{query}")) == shown


@pytest.mark.covered
@pytest.mark.parametrize("query", ["limit=0", "limit=21", "exclude=%00", "sport=,", "explain=maybe"])
def test_an_invalid_filter_is_rejected_with_the_valid_values(get_response, events, query):
    answer = get_response(f"/recommend/1?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["error"]


def test_an_explanation_is_added_to_the_casinos_own_fields(get_response, events):
    slip = get_response("/recommend/1?explain=1").json()
    explanation = slip.pop("explanation")
    assert set(slip) == set(SCHEMA)
    assert (explanation["recommender"], explanation["fallback_step"]) == ("soonest", 0)
    assert [(each["event_id"], each["reasons"]) for each in explanation["events"]] == [
        (n, ["It begins in 1 day"]) for n in (1, 2, 3)
    ]


@pytest.mark.covered
@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"event_limit": 2}, [1, 2]),
        ({"min_odd": 3}, [2, 3, 4]),
        ({"max_odd": 3}, [1, 2]),
        ({"max_per_sport": 1}, [1, 2, 4]),
        ({"blocked": {"events": [1], "sports": ["handball"]}}, [3, 4, 5]),
        ({"pinned": {"events": [5]}}, [5, 1, 2]),
        ({"begin_margin_seconds": 86_400}, [1, 2, 3]),
        ({"catalogue": {"sports": ["handball", "Basketball"]}}, [2, 4]),
        ({"catalogue": {"event_countries": ["Atlantis"]}}, []),
    ],
)
def test_a_casinos_options_shape_its_slips(get_response, events, options, shown):
    assert ids(get_response(**options)) == shown


BITCOIN = {"catalogue": {"currency_decimals": {"BTC": 8}}, "default_stakes": {"BTC": 0.0002}}


@pytest.mark.covered
@pytest.mark.parametrize(
    ("currency", "stakes", "stake", "returned"),
    [
        ("BTC", ["0.00012345", "0.00012346"], "0.00012345", "0.00296280"), ("BTC", [], "0.00020000", "0.00480000"),
        ("KWD", ["2.5557"], "2.555", "61.320"), ("JPY", ["1500.9"], "1500", "36000"),
        ("EUR", ["2.559"], "2.55", "61.20"), ("DOGE", ["5"], "0.00", "0.00"),
    ],
)  # fmt: skip
def test_amounts_have_the_decimals_of_the_users_currency(get_response, events, currency, stakes, stake, returned):
    User.objects.filter(id=1).update(currency=currency)
    User.objects.filter(id=1).update(currency_since=None)
    TalliedCouponFactory.create_each(
        {"user_id": 1, "stake": Decimal(each), "recommended_events": [selection(league=f"L{number}")]}
        for number, each in enumerate(stakes)
    )
    slip = get_response(**BITCOIN).json()
    assert (slip["stake"], slip["potential_return"], slip["currency"]) == (stake, returned, currency)
    assert slip["refusal"] == ("currency_not_offered" if currency == "DOGE" else "")


def test_a_request_for_a_sport_that_the_casino_does_not_offer_is_refused_with_those_it_does(get_response, events):
    offered = {"catalogue": {"sports": ["HANDBALL"]}}
    assert ids(get_response("/recommend/1?sport=handball", **offered)) == [2]
    response = get_response("/recommend/1?sport=football", **offered)
    assert (response.status_code, response.json()["error"]) == (400, "sport must be one or several of HANDBALL")
    assert ids(get_response("/recommend/1?sport=chess", catalogue={})) == []


def test_omitted_options_stay_and_null_resets_them(get_response, caller_a, events):
    get_response(event_limit=1)
    body = {"recommender_type": "soonest", "recommendation_schema": SCHEMA}
    caller_a.post("/config", body)
    assert ids(caller_a.get("/recommend/1")) == [1]
    assert caller_a.get("/config").json()["options"]["event_limit"] == 1
    caller_a.post("/config", body | {"options": None})
    assert ids(caller_a.get("/recommend/1")) == [1, 2, 3]


def test_twenty_odds_of_nearly_a_million_are_multiplied(get_response, events):
    EventFactory.create_each({"id": 100 + n, "odd": Decimal("999999.999")} for n in range(20))
    slip = get_response("/recommend/1?limit=20", min_odd=1000).json()
    assert slip["count"] == 20
    assert Decimal(slip["potential_return"]) > Decimal(10) ** 119


def test_a_user_whose_tallies_need_a_rebuild_is_served_from_all_coupons(get_response, events):
    TalliedCouponFactory.create(user_id=1, recommended_events=[selection(event_id=1)])
    UserTallies.objects.all().delete()
    UserProfile.objects.update(needs_rebuild=True, pending_coupon_ids=[])
    assert ids(get_response()) == [2, 3, 4]


def test_live_events_are_shown_only_if_the_option_is_on(get_response, events):
    EventFactory.create(id=9, begin_timestamp=datetime.now(UTC) - timedelta(minutes=10))
    assert 9 not in ids(get_response())
    assert ids(get_response(live_events=True)) == [9, 1, 2]
    assert get_response(live_events=True).json()["reasons"][0] == "It has begun"


def test_an_event_that_the_user_bet_on_already_is_not_shown_again(get_response, events):
    by_match = {name: getattr(events[1], name) for name in ("sport", "league", "home_team", "away_team")}
    TalliedCouponFactory.create(
        user_id=1, recommended_events=[selection(event_id=1), selection(**by_match), selection(event_id=77)]
    )
    assert ids(get_response()) == [3, 4, 5]


REFUSED: dict[str, dict[str, Any]] = {
    "self_excluded": {"status": "SELF_EXCLUDED"},
    "time_out": {"status": "TIME_OUT", "status_until": datetime(2049, 1, 1, tzinfo=UTC)},
    "closed": {"status": "CLOSED"},
    "under_age": {"birth_year": datetime.now(UTC).year - 10},
    "limit_reached": {"limit_left": 0},
}


@pytest.mark.covered
@pytest.mark.scaled
@pytest.mark.parametrize(("recommender_type", "refusal"), grid(RECOMMENDERS, REFUSED))
def test_a_refused_user_gets_an_empty_slip_at_once(get_response, events, recommender_type, refusal):
    assert len(ids(get_response(recommender_type=recommender_type))) == 3
    User.objects.update(**REFUSED[refusal])
    slip = get_response(recommender_type=recommender_type).json()
    assert (slip["events"], slip["count"], slip["stake"], slip["refusal"]) == ([], 0, "0.00", refusal)


def test_a_user_without_history_is_served_by_the_casinos_fallback(get_response, events):
    slip = get_response(recommender_type="profile", fallbacks=["trending", "static"]).json()
    assert (slip["recommender"], slip["fallback_step"]) == ("static", 2)
    TalliedCouponFactory.create(user_id=1, recommended_events=[selection(sport="BASKETBALL", league="X")])
    slip = get_response(recommender_type="profile", fallbacks=["trending", "static"]).json()
    assert (slip["recommender"], slip["fallback_step"]) == ("profile", 0)
    assert slip["confidence"] == pytest.approx(1 / 11, abs=0.001)
    assert slip["events"][0]["id"] == 4


class TestManyUsers:
    def test_several_users_are_answered_at_once_and_unknown_ones_named(self, get_response, caller_a, events):
        get_response()
        UserFactory.create(id=2, birth_year=datetime.now(UTC).year - 10)
        answer = caller_a.post("/recommend", {"user_ids": [2, 99, 1, 1], "limit": 2, "exclude": [1]})
        assert answer.status_code == 200, answer.content
        slips, unknown = answer.json()["recommendations"], answer.json()["unknown_users"]
        assert [(slip["user_id"], slip["count"], slip["refusal"]) for slip in slips] == [
            (2, 0, "under_age"),
            (1, 2, ""),
        ]
        assert [event["id"] for event in slips[1]["events"]] == [2, 3]
        assert unknown == [99]

    @pytest.mark.covered
    def test_each_user_gets_the_same_as_alone(self, get_response, caller_a, events):
        UserFactory.create_each({"id": user_id} for user_id in range(2, 12))
        get_response(recommender_type="dynamic")
        slips = caller_a.post("/recommend", {"user_ids": list(range(1, 12))}).json()["recommendations"]
        alone = [caller_a.get(f"/recommend/{user_id}").json() for user_id in range(1, 12)]
        assert [slip["events"] for slip in slips] == [slip["events"] for slip in alone]

    @pytest.mark.covered
    @pytest.mark.slow
    def test_500_users_take_one_query(self, get_response, caller_a, events, django_assert_num_queries):
        User.objects.bulk_create(UserFactory.build(id=user_id) for user_id in range(2, 501))
        get_response(recommender_type="hybrid")
        with django_assert_num_queries(1, connection=connections["casino_1"]):
            answer = caller_a.post("/recommend", {"user_ids": list(range(1, 501))})
        assert len(answer.json()["recommendations"]) == 500

    @pytest.mark.parametrize(
        "body",
        [
            {},
            [],
            "x",
            {"user_ids": []},
            {"user_ids": "1"},
            {"user_ids": [0]},
            {"user_ids": ["x "]},
            {"user_ids": list(range(1, 502))},
            {"user_ids": [1], "limit": 99},
        ],
    )
    def test_invalid_guard_rails_are_rejected(self, get_response, caller_a, events, body):
        get_response()
        answer = caller_a.post("/recommend", body)
        assert answer.status_code == 400
        assert answer.json()["error"]

    def test_users_of_another_casino_are_unknown(self, get_response, caller_b, caller_a, casino_b, events):
        get_response()
        with use_casino(casino_b.current, switch=True):
            UserFactory.create(id=55)
        answer = caller_a.post("/recommend", {"user_ids": [55]})
        assert answer.json() == {"recommendations": [], "unknown_users": [55]}


def test_the_options_have_a_json_schema(caller_a):
    schema = caller_a.get("/config/options.schema.json").json()
    assert "event_limit" in schema["$defs"]["Options"]["properties"]
