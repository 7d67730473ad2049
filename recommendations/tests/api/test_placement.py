"""The parameter `placement` of every endpoint that recommends: where the slip will be shown."""

import pytest

from recommendations.serving.recommendation import recommendation_served
from recommendations.tests.factories import EventFactory, UserFactory
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.usefixtures("each_path"), pytest.mark.covered]

SLIP = {"events": {"type": "list", "source_field": "recommended_events", "fields": {"id": "int"}}}


@pytest.fixture
def caller(casino_a, casino_b, caller_a):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory.create(id=31)
            UserFactory.create(id=32)
            EventFactory.create_batch(4)
    body = {"recommender_type": "soonest", "recommendation_schema": SLIP}
    assert caller_a.post("/config", body).status_code == 200
    return caller_a


@pytest.fixture
def placements():
    """Of the recommendations that are served from now on."""
    found = []

    def receive(served, **signal):
        found.append(served.placement)

    before = recommendation_served.receivers[:]
    recommendation_served.receivers.clear()
    recommendation_served.connect(receive, weak=False)
    yield found
    recommendation_served.receivers[:] = before


def test_it_is_sent_with_each_recommendation_and_the_slip_is_the_same(caller, placements):
    assert caller.get("/recommend/31?placement=home").json() == caller.get("/recommend/31").json()
    caller.post("/recommend", {"user_ids": [31, 32], "placement": "betslip/top"})
    caller.post("/recommend/31/next", {"selections": [], "placement": "next"})
    assert placements[0] == "home"
    assert not placements[1]
    assert placements[2:] == ["betslip/top", "betslip/top", "next"]


@pytest.mark.parametrize("path", ["/popular", "/events/{event}/similar"])
def test_lists_without_a_user_take_it_too_and_tell_nobody(caller, placements, casino_a, path):
    with use_casino(casino_a.current):
        path = path.format(event=EventFactory.create().pk)
    answer = caller.get(f"{path}?placement=home")
    assert (answer.status_code, answer.json()) == (200, caller.get(path).json())
    session = caller.post("/recommend/session", {"viewed": [], "placement": "home"})
    assert (session.status_code, placements) == (200, [])


@pytest.mark.parametrize("path", ["/recommend/31", "/popular"])
def test_an_invalid_one_is_refused_with_the_rule(caller, path):
    answer = caller.get(f"{path}?placement=two%20words")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert answer.json()["error"].startswith("placement must have 1 to 40 letters")
