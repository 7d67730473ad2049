"""All errors have one form."""

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from recommendations.api.error_codes import ERROR_CODES
from recommendations.api.error_statuses import bad_request, server_error
from tenants.http.middleware import RequestStateMiddleware
from tenants.tests.api_clients import bearing, make_key

pytestmark = pytest.mark.covered

KEYS = ["error", "code", "details"]


@pytest.fixture
def send(casino_a):
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
def test_errors_have_one_form_and_the_documented_code(send, method, path, body, code):
    response = send(method, path, body)
    assert list(response.json()) == KEYS
    assert (response.json()["code"], response.status_code) == (code, ERROR_CODES[code].status)


def test_an_unsupported_media_type_has_that_form_too(send):
    response = send("post", "/config", "x", content_type="text/plain")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_each_invalid_field_of_a_body_has_its_own_error(send):
    details = send("post", "/recommend", '{"user_ids": [0, " x", 5]}').json()["details"]
    assert set(details["user_ids"]) == {"0", "1"}


def test_an_internal_error_has_only_the_request_id():
    request = RequestFactory().get("/recommend/1", headers={"X-Request-ID": "abc"})
    assert server_error(request).status_code == 500
    assert b'"details": {"request_id": "abc"}' in server_error(request).content


def test_the_application_returns_internal_errors_in_that_form(casino_a, settings):
    settings.ROOT_URLCONF = "recsys_project.tests.failing_views"
    for path in ("/fails", "/fails/page"):
        response = Client(raise_request_exception=False).get(path)
        assert (response.status_code, response.json()["code"]) == (500, "internal_error")
        assert "ZeroDivision" not in response.content.decode()


def test_a_form_above_djangos_size_limit_gets_413(casino_a, settings, django_user_model):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    client = Client(enforce_csrf_checks=True)
    client.force_login(django_user_model.objects.create_user("staff", is_staff=True))
    client.cookies["csrftoken"] = "a" * 32  # the token itself is looked for in the form
    headers = {"Casino-ID": "1", "Accept": "text/html;q=0.1, application/json"}
    response = client.post("/config", {"recommender_type": "x" * 100}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "request_too_large")


def test_malformed_request_headers_have_that_form_too():
    response = bad_request(RequestFactory().get("/"), Exception())
    assert response.status_code == 400
    assert b'"code": "bad_request"' in response.content


def test_too_many_parameters_are_named(client):
    response = client.get("/popular?" + "a=1&" * 1_001)
    assert (response.status_code, "more than 1000 parameters" in response.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("text/html", "text/html; charset=utf-8"), ("*/*", "application/json"), ("", "application/json")],
)
def test_an_unavailable_database_is_json_for_programs_and_a_page_for_people(accept, kind):
    request = RequestFactory().get("/", HTTP_ACCEPT=accept)
    response = RequestStateMiddleware(lambda _: HttpResponse()).process_exception(request, OperationalError("gone"))
    assert response is not None
    assert (response.status_code, response["Retry-After"], response["Content-Type"]) == (503, "1", kind)
    assert "gone" not in response.content.decode()
