"""The one shape of errors, whatever goes wrong."""

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from recommendations.api.error_codes import ERROR_CODES
from recommendations.api.errors import bad_request, server_error
from tenants.http.middleware import RequestStateMiddleware
from tenants.tests.api_clients import bearing, make_key

KEYS = ["error", "code", "details"]


@pytest.fixture
def ask(casino_a):
    headers = bearing(make_key(casino_a).text)

    def _ask(method, path, body=None, **more):
        client = Client(raise_request_exception=False)
        send = getattr(client, method)
        more.setdefault("content_type", "application/json")
        return send(path, headers=headers, **({} if method == "get" else {"data": body, **more}))

    return _ask


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("get", "/config", None, "casino_not_configured"),
        ("get", "/nothing", None, "not_found"),
        ("get", "/config?format=xml", None, "not_found"),
        ("put", "/config", "{}", "method_not_allowed"),
        ("post", "/config", "{", "parse_error"),
        ("post", "/config", "[]", "invalid"),
        ("post", "/config", "{}", "invalid_configuration"),
        ("post", "/recommend", "{}", "invalid"),
        ("get", "/purchase/1", None, "test_endpoints_off"),
    ],
)
def test_errors_have_one_shape_and_the_code_that_is_documented(ask, method, path, body, code):
    answer = ask(method, path, body)
    assert list(answer.json()) == KEYS
    assert (answer.json()["code"], answer.status_code) == (code, ERROR_CODES[code].status)


def test_content_that_is_not_understood_has_that_shape_too(ask):
    answer = ask("post", "/config", "x", content_type="text/plain")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_fields_of_a_body_are_told_of_one_by_one(ask):
    details = ask("post", "/recommend", '{"user_ids": [0, "x", 5]}').json()["details"]
    assert set(details["user_ids"]) == {"0", "1"}


def test_fault_of_ours_tells_its_requests_id_and_nothing_else():
    request = RequestFactory().get("/recommend/1", headers={"X-Request-ID": "abc"})
    assert server_error(request).status_code == 500
    assert b'"details": {"request_id": "abc"}' in server_error(request).content


def test_fault_of_ours_is_answered_in_that_shape_by_the_application(casino_a, settings):
    settings.ROOT_URLCONF = "recsys_project.tests.failing_views"
    for path in ("/fails", "/fails/page"):
        answer = Client(raise_request_exception=False).get(path)
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert "ZeroDivision" not in answer.content.decode()


def test_form_that_django_finds_too_large_is_413(casino_a, settings, django_user_model):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    client = Client(enforce_csrf_checks=True)
    client.force_login(django_user_model.objects.create_user("staff", is_staff=True))
    client.cookies["csrftoken"] = "a" * 32  # the token itself is looked for in the form
    answer = client.post("/config", {"recommender_type": "x" * 100}, headers={"Casino-ID": "1"})
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")


def test_head_of_a_request_that_is_not_accepted_has_that_shape_too():
    answer = bad_request(RequestFactory().get("/"), Exception())
    assert answer.status_code == 400
    assert b'"code": "bad_request"' in answer.content


@pytest.mark.parametrize(
    ("accept", "kind"), [("text/html", "text/plain"), ("*/*", "application/json"), ("", "application/json")]
)
def test_database_that_is_away_is_told_to_programs_in_that_shape_and_to_people_in_a_line(accept, kind):
    request = RequestFactory().get("/", HTTP_ACCEPT=accept)
    answer = RequestStateMiddleware(lambda _: HttpResponse()).process_exception(request, OperationalError("gone"))
    assert answer is not None
    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "1", kind)
    assert "gone" not in answer.content.decode()
