"""`POST /recommend/session`: the bets to show somebody who is not logged in."""

from datetime import UTC, datetime, timedelta

import pytest

from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving import anonymous
from recommendations.serving.request_filters import RequestFilters
from recommendations.serving.slip_completion import SlipSelection
from recommendations.tests.factories import EventFactory, selection
from tenants.routing.context import use_casino

SCHEMA = {
    "recommender": "string",
    "fallback_step": "int",
    "user_id": "int",
    "events": {
        "type": "list",
        "source_field": "recommended_events",
        "fields": {"id": "int", "why": {"type": "list", "source_field": "reasons"}},
    },
}


@pytest.fixture
def casino(casino_a, casino_b):
    """The events 1 to 20: of five leagues in turn, of two sports."""
    with use_casino(casino_b.current):
        EventFactory.create_batch(3)
    with use_casino(casino_a.current):
        EventFactory.create_each(
            {"id": number, "league": f"L{number % 5}", "sport": ("FOOTBALL", "HANDBALL")[number % 5 == 3]}
            for number in range(1, 21)
        )
        yield casino_a


@pytest.fixture
def session(casino, caller_a):
    def session(recommender="profile", **body):
        configuration = {"recommender_type": recommender, "recommendation_schema": SCHEMA}
        assert caller_a.post("/config", configuration).status_code == 200
        answer = caller_a.post("/recommend/session", body)
        assert answer.status_code == 200, answer.content
        return answer.json()

    return session


def ids(answer):
    return [event["id"] for event in answer["events"]]


@pytest.mark.parametrize("recommender", ["profile", "hybrid", "inference", "inference_score", "dynamic"])
def test_what_was_viewed_decides(session, recommender):
    answer = session(recommender, viewed=[{"event_id": 3}, {"event_id": 8}], limit=2)
    assert set(ids(answer)) <= {3, 8, 13, 18}
    assert (answer["recommender"], answer["fallback_step"]) == (recommender, 0)


def test_viewed_events_may_be_shown_and_selected_ones_may_not(session):
    assert set(ids(session(viewed=[{"event_id": 3}], limit=4))) == {3, 8, 13, 18}
    assert set(ids(session(selections=[{"event_id": 3}], limit=3))) == {8, 13, 18}


def test_events_by_their_fields_decide_too(session):
    by_fields = selection(league="L3", sport="handball", home_team="X", away_team="Y")
    assert set(ids(session(viewed=[by_fields], limit=4))) == {3, 8, 13, 18}


def test_a_viewed_event_that_the_casino_does_not_have_adds_nothing(session):
    assert session(viewed=[{"event_id": 99}, {"event_id": "sr:1"}]) == session(viewed=[])
    assert session(viewed=[])["fallback_step"] > 0


def test_the_reasons_are_of_the_session_and_not_of_bets(session):
    viewed = [{"event_id": 3}, {"event_id": 8}, {"event_id": 8}]
    answer = session("inference_score", viewed=viewed, selections=[{"event_id": 3}], exclude=[8], limit=1)
    assert answer["events"][0]["why"] == [f"You chose or looked at 2 events of {name}" for name in ("L3", "HANDBALL")]


@pytest.mark.covered
@pytest.mark.parametrize("recommender", RECOMMENDERS)
def test_every_recommender_serves_a_session(session, recommender):
    answer = session(recommender, viewed=[{"event_id": 1}], selections=[{"event_id": 2}])
    assert len(set(ids(answer))) == 3
    assert 2 not in ids(answer)
    assert "user_id" not in answer


@pytest.mark.covered
@pytest.mark.parametrize("recommender", RECOMMENDERS)
def test_within_the_hour_the_same_session_gets_the_same_events(session, casino, recommender):
    session(recommender, viewed=[])
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    casino.refresh_from_db()
    answers = [
        anonymous.recommend_to_session(
            casino=casino,
            selections=(SlipSelection(2),),
            viewed=(SlipSelection(1),),
            now=hour + timedelta(minutes=minute),
            filters=RequestFilters(),
        )["events"]
        for minute in (0, 20, 59)
    ]
    shown = [[event["id"] for event in each] for each in answers]
    assert shown[0] == shown[1] == shown[2]


def test_selections_are_read_as_those_of_a_users_slip(session, caller_a):
    session(viewed=[])
    answer = caller_a.post("/recommend/session", {"selections": [{"event_id": 99}]})
    assert (answer.status_code, "selections[0] has the event_id 99" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({}, "Send selections, viewed, or both"),
        ({"viewed": None}, "viewed: This field may not be null."),
        ({"viewed": [{"sport": "X"}]}, "viewed: 0: country is missing"),
        ({"viewed": [{"event_id": 1}] * 101}, "viewed may list at most 100 events, not 101"),
        ({"view": []}, "'view': did you mean viewed?"),
        ({"user_id": 31, "viewed": []}, "unknown field 'user_id'"),
    ],
)
def test_an_invalid_session_is_reported(session, caller_a, sent, error):
    session(viewed=[])
    answer = caller_a.post("/recommend/session", sent)
    assert answer.status_code == 400
    assert error in answer.json()["error"]
