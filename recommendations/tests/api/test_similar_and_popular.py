"""`GET /events/<event_id>/similar` and `GET /popular`: lists of events without a user."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from recommendations.evaluation.training import fit_models
from recommendations.models import Event
from recommendations.serving import anonymous
from recommendations.serving.request_filters import RequestFilters
from recommendations.storing import store_coupons, store_events
from recommendations.storing.casino_tallies import merge_casino_sums
from recommendations.tests.factories import EventFactory, UserFactory, coupon_row, event_row, selection_row
from tenants.routing.context import use_casino

pytestmark = pytest.mark.usefixtures("each_path")

SCHEMA = {
    "recommender": "string",
    "events": {
        "type": "list",
        "source_field": "recommended_events",
        "fields": {"id": "string", "why": {"type": "list", "source_field": "reasons"}},
    },
}


@pytest.fixture
def casino(casino_a, casino_b, caller_a):
    """Event 1, which shares a team with 2, the league with 3, the country with 4, the sport with 5, nothing with 6."""
    with use_casino(casino_b.current):
        EventFactory.create_each({"id": n} for n in (74, 75, 76, 77))  # not by the sequence, which may have come there
    body = {"recommender_type": "static", "recommendation_schema": SCHEMA}
    assert caller_a.post("/config", body).status_code == 200
    with use_casino(casino_a.current):
        begin = datetime.now(UTC) + timedelta(days=1)
        EventFactory.create_each(
            {"begin_timestamp": begin, **each}
            for each in (
                {"id": 1, "home_team": "ARSENAL", "away_team": "CHELSEA"},
                {"id": 2, "home_team": "LEEDS", "away_team": "ARSENAL", "league": "CUP"},
                {"id": 3},
                {"id": 4, "league": "SECOND"},
                {"id": 5, "league": "LIGA", "country": "SPAIN"},
                {"id": 6, "league": "HBL", "country": "GERMANY", "sport": "HANDBALL"},
            )
        )
        yield casino_a


@pytest.fixture
def get(casino, caller_a):
    def get(path):
        answer = caller_a.get(path)
        assert answer.status_code == 200, answer.content
        return {int(event["id"]): event["why"] for event in answer.json()["events"]}

    return get


def test_what_shares_more_comes_first_with_what_it_shares(get):
    assert list(get("/events/1/similar?limit=20").items()) == [
        (2, ["ARSENAL plays in both"]),
        (3, ["Also in PREMIER LEAGUE"]),
        (4, ["Also FOOTBALL"]),
        (5, ["Also FOOTBALL"]),
    ]


def test_of_another_sport_it_is_only_where_that_is_asked_for(get):
    assert list(get("/events/1/similar?sport=handball")) == [6]
    assert list(get("/events/6/similar")) == []


def test_the_event_itself_is_never_among_them(get):
    for event_id in range(1, 7):
        assert event_id not in get(f"/events/{event_id}/similar?limit=20")


def test_an_event_that_has_begun_has_similar_ones_and_is_none(get):
    Event.objects.filter(pk=1).update(begin_timestamp=datetime.now(UTC) - timedelta(minutes=5))
    assert list(get("/events/1/similar")) == [2, 3, 4]
    assert 1 not in get("/events/3/similar?limit=20")


@pytest.mark.parametrize("event_id", ["77", "99", "0", "%00", "sr:match:1", "9" * 200])
def test_an_event_that_the_casino_does_not_offer_is_not_found(casino, caller_a, event_id):
    answer = caller_a.get(f"/events/{event_id}/similar")
    assert (answer.status_code, answer.json()["code"]) == (404, "event_not_found")


@pytest.mark.parametrize("changes", [{"status": "CLOSED"}, {"end_timestamp": "2020-01-02T00:00Z"}])
def test_an_event_that_is_closed_or_over_is_not_found(casino, caller_a, changes):
    Event.objects.filter(pk=1).update(begin_timestamp="2020-01-01T00:00Z", **changes)
    assert caller_a.get("/events/1/similar").status_code == 404


def test_an_id_may_be_text(get, casino, caller_a):
    store_events([event_row(id="sr:match/7", league="CUP")])
    answer = caller_a.get("/events/sr:match%2F7/similar?limit=1").json()
    assert [event["id"] for event in answer["events"]] == ["1"]


def test_a_fitted_model_relates_what_the_same_users_bet_on(get, casino):
    spanish, german = (
        selection_row(league="LIGA", country="SPAIN"),
        selection_row(league="HBL", country="GERMANY", sport="HANDBALL", home_team="X", away_team="Y"),
    )
    users = [each.pk for each in UserFactory.create_batch(6)]
    store_coupons([coupon_row(user_id=user, recommended_events=(spanish, german)) for user in users for _ in range(3)])
    fit_models(datetime.now(UTC))
    assert get("/events/6/similar?sport=football,handball&limit=1") == {
        5: ["Bets on such events often go with bets on LIGA"]
    }


def test_popular_events_are_those_of_most_bets_with_why(get, casino):
    user = UserFactory.create()
    names = ("country", "league", "home_team", "away_team", "sport")
    for event_id, bets in ((4, 3), (5, 2), (6, 5)):
        chosen = {name: getattr(Event.objects.get(pk=event_id), name) for name in names}
        picked = selection_row(event_id=event_id, **chosen)
        now = datetime.now(UTC)
        store_coupons([coupon_row(user_id=user.pk, timestamp=now, recommended_events=(picked,)) for _ in range(bets)])
    merge_casino_sums()
    shown = get("/popular?limit=3")
    assert list(shown) == [6, 4, 5]
    assert shown[4][-1] == "SECOND is popular today"
    assert list(get("/popular?limit=2&sport=football")) == [4, 5]


def test_without_bets_the_soonest_events_are_popular(get, casino, caller_a):
    Event.objects.filter(pk=5).update(begin_timestamp=datetime.now(UTC) + timedelta(hours=2))
    body = {"recommender_type": "static", "recommendation_schema": SCHEMA, "options": {"fallbacks": ["inference"]}}
    assert caller_a.post("/config", body).status_code == 200
    answer = caller_a.get("/popular?limit=1").json()
    assert (answer["recommender"], [event["id"] for event in answer["events"]]) == ("soonest", ["5"])


def test_within_the_hour_the_lists_are_the_same(get, casino):
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    casino.refresh_from_db()
    for minute in (0, 20, 59):
        now = {"casino": casino, "now": hour + timedelta(minutes=minute), "filters": RequestFilters(limit=20)}
        similar = anonymous.similar_events(event_id=1, **now)["events"]
        popular = anonymous.popular_events(**now)["events"]
        assert [event["id"] for event in similar] == ["2", "3", "4", "5"]
        assert [event["id"] for event in popular] == ["1", "3", "4", "5", "6"]


def test_removing_events_is_untouched_by_these_paths(casino):
    answer = Client().delete("/events/6", headers={"Casino-ID": "1"})
    assert (answer.status_code, answer.json()["outcome"]) == (200, "removed")
