"""The option `lists_without_user`: with false, nothing is shown where nobody knows who is excluded."""

from typing import Any

import pytest

from recommendations.tests.factories import EventFactory, UserFactory
from tenants.routing.context import use_casino

pytestmark = pytest.mark.usefixtures("each_path")

SCHEMA = {"recommended_events": "list"}
REQUESTS: list[tuple[str, str, Any]] = [
    ("get", "/popular", None),
    ("get", "/events/900001/similar", None),
    ("get", "/events/404404404/similar", None),
    ("post", "/recommend/session", {"selections": []}),
]


@pytest.fixture(autouse=True)
def casinos(casino_a, casino_b, caller_a, caller_b):
    """Casino A has switched the lists off."""
    for casino, caller, options in ((casino_a, caller_a, {"lists_without_user": False}), (casino_b, caller_b, {})):
        with use_casino(casino.current):
            EventFactory.create_batch(2)
            EventFactory.create(id=900_001)
            UserFactory.create(id=1)
        body = {"recommender_type": "static", "recommendation_schema": SCHEMA, "options": options}
        assert caller.post("/config", body).status_code == 200


def ask(caller, method, path, body):
    return caller.get(path) if method == "get" else caller.post(path, body)


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_request_without_a_user_is_refused_and_no_event_is_named(caller_a, method, path, body):
    answer = ask(caller_a, method, path, body)
    assert (answer.status_code, answer.json()["code"]) == (403, "lists_without_user_off")
    assert "lists_without_user is false" in answer.json()["error"]
    assert "HOME" not in answer.content.decode()


@pytest.mark.covered
@pytest.mark.parametrize(("method", "path", "body"), [each for each in REQUESTS if "404404404" not in each[1]])
def test_other_casino_answers_as_ever(caller_b, method, path, body):
    assert ask(caller_b, method, path, body).status_code == 200


def test_requests_with_a_user_are_answered(caller_a):
    assert len(caller_a.get("/recommend/1").json()["recommended_events"]) == 3
    assert caller_a.post("/recommend/1/next", {"selections": []}).status_code == 200


def test_switching_the_lists_on_again_needs_no_restart(caller_a):
    assert caller_a.patch("/config", {"options": {"lists_without_user": None}}).status_code == 200
    assert caller_a.get("/popular").status_code == 200
