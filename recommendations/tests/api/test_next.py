"""`POST /recommend/<user_id>/next`: additions to the user's current slip."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from recommendations.models import Event, User
from recommendations.serving.recommendation import recommendation_served
from recommendations.storing import store_events
from recommendations.tests.factories import EventFactory, UserFactory, event_row, selection
from recommendations.validation.own_ids import MAX_OWN_ID
from tenants.routing.context import use_casino

FIELDS = ("country", "league", "home_team", "away_team", "sport")
SCHEMA = {
    "refusal": "string",
    "stake": "string",
    "events": {"type": "list", "source_field": "recommended_events", "fields": {"id": "int"}},
}


def of(event, *names, **changes):
    """The event as a selection of these fields."""
    return {name: getattr(event, name) for name in names or FIELDS} | changes


@pytest.fixture
def casino(casino_a, casino_b):
    """User 31 and the events 1 to 4 of two leagues and sports in both casinos; event 5 is casino B's alone."""
    for each in (casino_b, casino_a):
        with use_casino(each.current):
            UserFactory.create(id=31)
            EventFactory.create_each({"id": n, "sport": "FOOTBALL", "league": "A"} for n in (1, 2))
            EventFactory.create_each({"id": n, "sport": "HANDBALL", "league": "B"} for n in (3, 4))
    with use_casino(casino_b.current):
        EventFactory.create(id=5)
    with use_casino(casino_a.current):
        yield casino_a


@pytest.fixture
def add_to(casino, caller_a):
    """The ids of the events to add to a slip of these selections."""

    def add_to(*selections, user_id="31", options=None, **filters):
        body = {"recommender_type": "soonest", "recommendation_schema": SCHEMA, "options": options}
        assert caller_a.post("/config", body).status_code == 200
        answer = caller_a.post(f"/recommend/{user_id}/next", {"selections": selections, "limit": 20} | filters)
        assert answer.status_code == 200, answer.content
        return sorted(event["id"] for event in answer.json()["events"])

    return add_to


def ask(caller, selections):
    return caller.post("/recommend/31/next", {"selections": selections})


def test_an_empty_slip_gets_what_recommend_shows(add_to, caller_a):
    assert add_to() == [1, 2, 3, 4]
    shown = caller_a.get("/recommend/31?limit=20").json()
    assert sorted(event["id"] for event in shown["events"]) == [1, 2, 3, 4]


def test_an_event_of_the_slip_is_not_added_again(add_to, casino):
    assert add_to({"event_id": 1}, {"event_id": "3", "market": "TOTALS", "line": 2.5, "outcome": "OVER"}) == [2, 4]


def test_an_event_of_the_slip_without_an_id_is_not_added_again(add_to, casino):
    event = Event.objects.get(pk=2)
    assert add_to(of(event, home_team=event.home_team.lower())) == [1, 3, 4]


def test_the_same_match_under_another_id_and_the_teams_of_the_slip_are_not_added(add_to, casino):
    first = Event.objects.get(pk=1)
    EventFactory.create(id=6, home_team=first.home_team, away_team="OTHER")
    EventFactory.create(id=7, home_team="GONE", away_team="FAR")
    assert add_to({"event_id": 1}, selection(home_team="OTHERS", away_team="FAR")) == [2, 3, 4]


@pytest.mark.covered
@pytest.mark.parametrize(
    ("options", "added"),
    [
        ({"max_per_league": 1}, [3]),
        ({"max_per_league": 2}, [2, 3, 4]),
        ({"max_per_sport": 1}, [3]),
        ({"max_per_sport": 2, "max_per_league": 1}, [3]),
    ],
)
def test_what_is_in_the_slip_counts_in_the_caps(add_to, casino, options, added):
    assert add_to({"event_id": 1}, options=options) == added
    assert add_to(of(Event.objects.get(pk=1), odd=2.5), options=options) == added


def test_what_is_no_longer_in_the_offer_counts_in_the_caps_too(add_to, casino):
    closed = Event.objects.get(pk=1)
    Event.objects.filter(pk=1).update(status="CLOSED")
    assert add_to({"event_id": 1, **of(closed)}, options={"max_per_league": 1}) == [3]
    assert add_to(of(closed, country=""), options={"max_per_league": 1}) == [3], "of any country"
    assert add_to(selection(league="", country=""), options={"max_per_league": 1}) == [2, 3], "of no known league"


def test_a_slip_that_is_full_gets_nothing(add_to, casino):
    assert add_to({"event_id": 1}, {"event_id": 3}, options={"max_per_sport": 1}) == []


def test_one_competition_is_bet_on_once(add_to, casino):
    EventFactory.create(id=6, home_team="WINNER OF A", away_team="", league="CUP")
    EventFactory.create(id=7, home_team="TOP SCORER OF A", away_team="", league="CUP")
    assert add_to({"event_id": 6}) == [1, 2, 3, 4]


@pytest.mark.covered
@pytest.mark.parametrize("event_id", [5, 99, "sr:match:1", str(2**63)])
def test_an_event_that_the_casino_does_not_offer_is_refused_without_its_fields(add_to, caller_a, event_id):
    add_to()
    answer = ask(caller_a, [{"event_id": 1}, {"event_id": event_id}])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert f"selections[1] has the event_id {event_id}" in answer.json()["error"]


@pytest.mark.parametrize("has_own_id", [True, False])
def test_an_event_is_named_by_the_id_that_it_is_shown_with(casino, caller_a, has_own_id):
    begin = datetime.now(UTC) + timedelta(hours=1)
    if has_own_id:
        store_events([event_row(id="sr:match:7", begin_timestamp=begin)])
    else:  # the row's number, beyond those that casinos choose
        EventFactory.create(id=MAX_OWN_ID + 8, begin_timestamp=begin)
    fields = {"id": {"type": "string", "source_field": "event_id"}}
    events = {"type": "list", "source_field": "recommended_events", "fields": fields}
    body = {"recommender_type": "soonest", "recommendation_schema": {"events": events}}
    assert caller_a.post("/config", body).status_code == 200
    [shown] = caller_a.post("/recommend/31/next", {"selections": [], "limit": 1}).json()["events"]
    for sent in ({"selections": [{"event_id": shown["id"]}]}, {"selections": [], "exclude": [shown["id"]]}):
        added = caller_a.post("/recommend/31/next", sent | {"limit": 20}).json()["events"]
        assert sorted(event["id"] for event in added) == ["1", "2", "3", "4"]


def test_an_event_that_has_begun_is_known_and_is_not_added(add_to, casino):
    Event.objects.filter(pk=2).update(begin_timestamp="2020-01-01T00:00Z")
    assert add_to({"event_id": 2}) == [1, 3, 4]


@pytest.mark.covered
@pytest.mark.parametrize(
    "restriction",
    [{"status": "SELF_EXCLUDED"}, {"status": "CLOSED"}, {"is_withheld": True}, {"limit_left": 0}, {"birth_year": None}],
)
def test_an_excluded_user_gets_nothing(add_to, caller_a, restriction):
    User.objects.filter(pk=31).update(**restriction)
    assert add_to({"event_id": 1}) == []
    answer = ask(caller_a, [{"event_id": 1}]).json()
    assert (answer["stake"], bool(answer["refusal"])) == ("0.00", True)


@pytest.mark.parametrize("user_id", ["32", "abc", "%00", "31/next"])
def test_an_unknown_user_is_not_found(add_to, caller_a, user_id):
    add_to()
    answer = caller_a.post(f"/recommend/{user_id}/next", {"selections": []})
    assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")


def test_it_is_published_as_any_recommendation_to_a_user(add_to, casino):
    sent = []

    def receive(served, **signal):
        sent.append(served)

    recommendation_served.connect(receive)
    try:
        assert add_to({"event_id": 1}) == [2, 3, 4]
    finally:
        recommendation_served.disconnect(receive)
    assert [(each.user_id, sorted(event.event_id for event in each.events)) for each in sent] == [(31, [2, 3, 4])]


def test_a_user_whose_id_ends_with_next_is_still_recommended_to(casino_a, caller_a):
    with use_casino(casino_a.current):
        EventFactory.create()
    caller_a.configure("static")
    for user_id in ("31/next", "session"):
        row = {"id": user_id, "name": "A", "surname": "B", "birth_year": 1980, "currency": "EUR", "country": "X"}
        row |= {"gender": "OTHER", "timestamp": "2025-01-01T00:00Z", "favorite_sport": "CHESS"}
        assert caller_a.post("/users", row).status_code == 200
        body = {"recommender_type": "static", "recommendation_schema": {"user_id": "string"}}
        assert caller_a.post("/config", body).status_code == 200
        assert caller_a.get(f"/recommend/{user_id}").json() == {"user_id": user_id}
        assert Client().head(f"/recommend/{user_id}", headers={"Casino-ID": "1"}).status_code == 405
    assert caller_a.post("/recommend/31/next/next", {"selections": []}).json() == {"user_id": "31/next"}


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({}, "selections: This field is required."),
        ({"selections": None}, "selections: This field may not be null."),
        ({"selections": 7}, 'selections: Expected a list of items but got type "int".'),
        ({"selections": [7]}, "selections: 0: It must be an object with an event_id, or with the event's fields."),
        ({"selections": [{"event_id": 1}, {}]}, "selections: 1: country is missing: send an event_id, or country, "),
        ({"selections": [selection(sport="")]}, "selections: 0: sport must not be empty."),
        ({"selections": [selection(odd=1)]}, "odd is 1"),
        ({"selections": [selection(odd="2.5")]}, "Expected `float | null`, got `str`"),
        ({"selections": [{"event_id": 1, "outcome": "OVER"}]}, "market is required with a line or an outcome"),
        ({"selections": [selection(home_team="x" * 101)]}, "home_team has 101 characters"),
        ({"selections": [{"event_id": True}]}, "Expected `int | float | str | null`"),
        ({"selections": [{"event_id": 1.5}]}, "event_id must be text, or a whole number"),
        (
            {"selections": [{"event_id": 1, "market": "1X2", "outcome": "\x00"}]},
            "outcome must have no control characters",
        ),
        ({"selections": [{"event_id": 1, "odd": "\ud800"}]}, "surrogates not allowed"),
    ],
)
def test_an_invalid_selection_is_reported_with_its_place(add_to, caller_a, sent, error):
    add_to()
    answer = caller_a.post("/recommend/31/next", sent)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert error in answer.json()["error"]


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({"selection": []}, "The body has an unknown field 'selection': did you mean selections?"),
        ({"selections": [], "viewed": []}, "unknown field 'viewed': known are selections, limit"),
        ({"selections": [{"eventid": 1}]}, "A selection has an unknown field 'eventid': did you mean event_id?"),
        ({"selections": [{"event_id": 1, "hometeam": "X"}]}, "did you mean home_team?"),
        ({"selections": [{"event_id": 1}] * 51}, "selections may list at most 50 events, not 51"),
        ({"selections": ["x"] * 190_000}, "selections may list at most 50 events, not 190000"),
    ],
)
def test_an_unknown_field_and_a_list_that_is_too_long_are_refused(add_to, caller_a, sent, error):
    add_to()
    answer = caller_a.post("/recommend/31/next", sent)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert error in answer.json()["error"]
