"""`/config`: a casino's configuration."""

from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

FULL = {"id": {"type": "int", "source_field": "user_id"}}
BOTH_REQUIRED = "Both recommender_type and recommendation_schema are required"


def test_config_returns_the_saved_configuration(caller_a, casino_a, example_configuration):
    before = datetime.now(UTC)
    answer = caller_a.post("/config", example_configuration)
    casino_a.refresh_from_db()
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    config = answer.json()["config"]
    assert answer.json() == {
        "message": "Configuration successfully saved!",
        "recommender_type": "inference",
        "recommendation_schema": example_configuration["recommendation_schema"],
        "config": {
            "recommender_type": "inference",
            "recommendation_schema": example_configuration["recommendation_schema"],
            "timestamp": config["timestamp"],
        },
    }
    assert before <= datetime.fromisoformat(config["timestamp"]) <= datetime.now(UTC)
    assert (casino_a.recommender_type, casino_a.recommendation_schema) == (
        "inference",
        example_configuration["recommendation_schema"],
    )


def test_get_config_returns_the_posted_configuration(caller_a, example_configuration):
    posted = caller_a.post("/config", example_configuration).json()["config"]
    answer = caller_a.get("/config")
    assert answer.status_code == 200
    shown = answer.json()
    assert shown.pop("options")["event_limit"] == 3
    assert shown == posted


def test_the_fields_keep_the_casinos_order(caller_a, casino_a):
    schema = {"zebra": "int", "a": "float"}
    fields = {name: {"type": kind, "source_field": "timestamp"} for name, kind in schema.items()}
    caller_a.post("/config", {"recommender_type": "static", "recommendation_schema": fields})
    assert list(caller_a.get("/config").json()["recommendation_schema"]) == ["zebra", "a"]
    with use_casino(casino_a.current):
        UserFactory.create(id=7)
    assert list(caller_a.get("/recommend/7").json()) == ["zebra", "a"]


def test_get_config_of_an_unconfigured_casino_gets_400(caller_a):
    answer = caller_a.get("/config")
    assert answer.status_code == 400
    assert answer.json()["error"] == "Casino is not configured. Please set up the casino first."


def test_a_field_may_be_given_by_its_type_alone(caller_a):
    schema = {"stake": "float", "recommendation_id": "uuid", "id": "string"}
    answer = caller_a.post("/config", {"recommender_type": "static", "recommendation_schema": schema})
    assert answer.json()["recommendation_schema"] == {
        "stake": {"type": "float", "source_field": "stake"},
        "recommendation_id": {"type": "uuid", "source_field": "recommendation_id"},
        "id": {"type": "string", "source_field": "id"},
    }


@pytest.mark.covered
@pytest.mark.parametrize("name", RECOMMENDERS)
def test_every_recommender_can_be_chosen(caller_a, name):
    answer = caller_a.post("/config", {"recommender_type": name, "recommendation_schema": FULL})
    assert (answer.status_code, answer.json()["recommender_type"]) == (200, name)


def test_a_later_configuration_replaces_the_earlier_one(caller_a, example_configuration):
    caller_a.post("/config", example_configuration)
    caller_a.post("/config", {"recommender_type": "static", "recommendation_schema": FULL})
    config = caller_a.get("/config").json()
    assert (config["recommender_type"], config["recommendation_schema"]) == ("static", FULL)


def test_each_casino_has_its_own_configuration(caller_a, caller_b, example_configuration):
    caller_a.post("/config", example_configuration)
    assert caller_b.get("/config").status_code == 400
    caller_b.post("/config", {"recommender_type": "static", "recommendation_schema": FULL})
    assert caller_a.get("/config").json()["recommender_type"] == "inference"
    assert caller_b.get("/config").json()["recommender_type"] == "static"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"recommender_type": "static"},
        {"recommendation_schema": FULL},
        {"recommender_type": "", "recommendation_schema": FULL},
        {"recommender_type": None, "recommendation_schema": FULL},
        {"recommender_type": "static", "recommendation_schema": None},
        {"recommender_type": "static", "recommendation_schema": {}},
    ],
)
def test_a_configuration_that_lacks_a_field_is_refused(caller_a, body):
    answer = caller_a.post("/config", body)
    assert (answer.status_code, answer.json()["error"]) == (400, BOTH_REQUIRED)


@pytest.mark.parametrize("name", ["oracle", "Static", "static ", 5, ["static"], {"a": "static"}])
def test_an_unknown_recommender_is_rejected_with_the_known_names(caller_a, name):
    answer = caller_a.post("/config", {"recommender_type": name, "recommendation_schema": FULL})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"The {name} recommender_type isn't supported")
    assert all(known in answer.json()["error"] for known in RECOMMENDERS)


@pytest.mark.parametrize(
    "body", [{"recommender_type": "o" * 500_000}, {"recommender_type": "static", "x" * 500_000: 1}]
)
def test_a_long_value_is_not_repeated_in_full(caller_a, body):
    answer = caller_a.post("/config", {"recommendation_schema": FULL} | body)
    assert answer.status_code == 400
    assert len(answer.content) < 10_000


def test_a_recommender_name_that_utf_8_cannot_encode_is_rejected(caller_a):
    body = '{"recommender_type": "\\ud800", "recommendation_schema": {"id": "int"}}'
    answer = caller_a.post("/config", body)
    assert answer.status_code == 400
    assert "recommender_type isn't supported" in answer.json()["error"]


@pytest.mark.covered
@pytest.mark.parametrize(
    ("definition", "names"),
    [
        ({"type": "int", "source_field": "age"}, ["age", "user_id", "stake", "timestamp", "recommended_events", "id"]),
        ({"type": "int", "source_field": ["stake"]}, ["user_id", "stake", "timestamp", "recommended_events"]),
        ({"type": "int", "source_field": {"stake": 1}}, ["user_id", "stake", "timestamp", "recommended_events"]),
        ({"type": "int", "source_field": None}, ["user_id", "stake", "timestamp", "recommended_events"]),
        ({"type": "decimal", "source_field": "stake"}, ["decimal", "int", "float", "string", "uuid", "list"]),
        ({"type": ["int"], "source_field": "id"}, ["int", "float", "string", "uuid", "list"]),
        ({"type": "int", "source_field": "stake"}, ["int", "stake", "float", "string"]),
        ({"type": "list", "source_field": "timestamp"}, ["list", "timestamp", "float", "int", "string"]),
        ({"type": "list", "source_field": "id"}, ["list", "id", "int", "float", "string", "uuid"]),
        ({"type": "string", "source_field": "recommended_events"}, ["string", "recommended_events", "list"]),
        ("int", ["field_x", "user_id", "stake"]),
        ({"type": "int"}, ["field_x", "type", "source_field"]),
        ({"source_field": "id"}, ["field_x", "type", "source_field"]),
        ({"type": "int", "source_field": "id", "default": 5}, ["field_x", "type", "source_field"]),
        (7, ["field_x"]),
        (None, ["field_x"]),
    ],
)
def test_a_field_without_a_valid_source_is_rejected_with_the_valid_names(caller_a, definition, names):
    body = {"recommender_type": "static", "recommendation_schema": {"field_x": definition}}
    answer = caller_a.post("/config", body)
    assert answer.status_code == 400
    assert [name for name in names if name not in answer.json()["error"]] == []


@pytest.mark.parametrize("schema", ["int", 5, [1], ["stake"], True])
def test_a_schema_that_is_no_object_is_refused(caller_a, schema):
    answer = caller_a.post("/config", {"recommender_type": "static", "recommendation_schema": schema})
    assert (answer.status_code, list(answer.json())) == (400, ["error", "code", "details"])
    assert "must be an object" in answer.json()["error"]


@pytest.mark.covered
@pytest.mark.parametrize(
    "body",
    [
        {"recommender_type": "oracle", "recommendation_schema": FULL},
        {"recommender_type": "static", "recommendation_schema": {"x": "nothing"}},
        {"recommender_type": "static", "recommendation_schema": {"stake": "float", "x": "int"}},
        {"recommender_type": "static"},
        {"recommender_type": "static", "recommendation_schema": FULL, "options": {"event_limit": 99}},
    ],
)
def test_a_refused_configuration_changes_nothing(caller_a, example_configuration, body):
    caller_a.post("/config", {**example_configuration, "options": {"event_limit": 5}})
    before = caller_a.get("/config").json()
    assert before["options"]["event_limit"] == 5
    assert caller_a.post("/config", body).status_code == 400
    assert caller_a.get("/config").json() == before


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({}, 400, "Casino-ID header is required"),
        ({"Casino-ID": "x"}, 400, "Casino-ID header must be an integer"),
        ({"Casino-ID": ""}, 400, "Casino-ID header must be an integer"),
        ({"Casino-ID": "1.0"}, 400, "Casino-ID header must be an integer"),
        ({"Casino-ID": "77"}, 404, "Casino not found"),
        ({"Casino-ID": "-1"}, 404, "Casino not found"),
        ({"Casino-ID": "9" * 40}, 404, "Casino not found"),
    ],
)
def test_a_request_must_name_a_casino_that_exists(casino_a, example_configuration, method, headers, status, text):
    send = getattr(Client(), method)
    body = {"data": example_configuration, "content_type": "application/json"} if method == "post" else {}
    answer = send("/config", headers=headers, **body)
    assert (answer.status_code, answer.json()["error"]) == (status, text)


def test_the_casinos_history_names_the_staff_who_configured_it(
    casino_a, example_configuration, settings, django_user_model
):
    settings.RECSYS_OPEN_API = False
    client = Client()
    client.force_login(django_user_model.objects.create_superuser("boss", password="x"))
    answer = client.post("/config", example_configuration, "application/json", headers={"Casino-ID": "1"})
    assert answer.status_code == 200
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("boss", "1")
    assert entry.get_change_message() == "Configured: recommender none to inference."
    assert client.post("/config", {}, "application/json", headers={"Casino-ID": "1"}).status_code == 400
    assert LogEntry.objects.count() == 1


def test_a_caller_without_a_login_is_not_in_the_history(caller_a, casino_a, example_configuration):
    assert caller_a.post("/config", example_configuration).status_code == 200
    assert not LogEntry.objects.exists()
