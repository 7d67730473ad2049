"""`POST /config` with malformed bodies, and `/config` for unauthorised callers."""

from typing import Any

import pytest
from django.contrib.auth.models import User as StaffUser
from django.test import Client


@pytest.fixture
def post(casino_a):
    def send(body: Any, content_type: str = "application/json", **headers: str) -> Any:
        client = Client(raise_request_exception=False)
        return client.post("/config", data=body, content_type=content_type, headers={"Casino-ID": "1", **headers})

    return send


@pytest.mark.parametrize("body", ["[]", "[1, 2]", '"inference"', "5", "true", "null"])
def test_a_body_that_is_no_object_is_refused(post, body):
    answer = post(body)
    assert (answer.status_code, list(answer.json())) == (400, ["error", "code", "details"])
    assert answer.json()["error"].startswith("The body must be an object, not ")
    assert answer.json()["code"] == "invalid"


@pytest.mark.parametrize("body", ["{", "{'a': 1}", "recommender_type=static", b"\xff\xfe\x00", '{"a": NaN}'])
def test_broken_json_is_refused(post, body):
    answer = post(body)
    assert (answer.status_code, list(answer.json())) == (400, ["error", "code", "details"])
    assert "JSON parse error" in answer.json()["error"]


def test_an_empty_body_lacks_both_fields(post):
    answer = post("")
    assert answer.status_code == 400
    assert answer.json()["error"] == "Both recommender_type and recommendation_schema are required"


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/octet-stream"])
def test_a_content_type_that_is_not_understood_is_refused(post, content_type):
    answer = post('{"recommender_type": "static"}', content_type)
    assert (answer.status_code, list(answer.json())) == (415, ["error", "code", "details"])
    assert content_type in answer.json()["error"]


@pytest.mark.parametrize("method", ["put", "delete"])
def test_other_methods_are_refused(casino_a, method):
    answer = getattr(Client(), method)("/config", headers={"Casino-ID": "1"})
    assert answer.status_code == 405
    assert answer.json()["error"] == f'Method "{method.upper()}" not allowed.'


@pytest.mark.parametrize("path", ["/nothing", "/config/", "/recommend/", "/purchase/"])
def test_a_path_that_does_not_exist_answers_json(casino_a, path):
    answer = Client().get(path, headers={"Casino-ID": "1"})
    assert (answer.status_code, answer.json()["error"]) == (404, f"Not found: {path}")


@pytest.mark.parametrize("path", ["/config", "/recommend/1", "/purchase/1"])
def test_where_the_api_is_not_open_anonymous_requests_are_rejected(casino_a, settings, path):
    settings.RECSYS_OPEN_API, settings.RECSYS_TEST_ENDPOINTS = False, True
    answer = Client().get(path, headers={"Casino-ID": "1"})
    assert (answer.status_code, list(answer.json())) == (401, ["error", "code", "details"])


def test_where_the_api_is_not_open_anonymous_requests_reveal_no_casino(casino_a, settings):
    settings.RECSYS_OPEN_API = False
    known, unknown = (Client().get("/config", headers={"Casino-ID": casino_id}) for casino_id in ("1", "77"))
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)


def test_where_the_api_is_not_open_staff_may_read_any_casino(casino_a, casino_b, settings):
    settings.RECSYS_OPEN_API = False
    client = Client()
    client.force_login(StaffUser.objects.create_user("ada", is_staff=True))
    for casino in (casino_a, casino_b):
        answer = client.get("/config", headers={"Casino-ID": str(casino.pk)})
        assert answer.json()["error"].startswith("Casino is not configured")


def test_users_who_are_not_staff_are_refused(casino_a, settings):
    settings.RECSYS_OPEN_API = False
    client = Client()
    client.force_login(StaffUser.objects.create_user("eve"))
    assert client.get("/config", headers={"Casino-ID": "1"}).status_code == 403


DEEP = "[" * 100_000 + "]" * 100_000


def test_json_that_is_nested_too_deeply_is_refused(post):
    answer = post(DEEP)
    assert answer.status_code == 400
    assert "nested too deeply" in answer.json()["error"]


def test_a_schema_in_a_form_that_is_nested_too_deeply_is_refused(post):
    form, content_type = f"recommender_type=static&recommendation_schema={DEEP}", "application/x-www-form-urlencoded"
    answer = post(form, content_type, Accept="text/html;q=0.1, application/json")
    assert (answer.status_code, answer.json()["error"]) == (400, "recommendation_schema: Value must be valid JSON.")


def test_a_host_that_is_not_ours_is_refused_in_json(casino_a):
    answer = Client().get("/config", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["error", "code", "details"]
