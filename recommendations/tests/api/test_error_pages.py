"""Errors are pages for browsers, and JSON for programs."""

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from recommendations.api.error_statuses import bad_request, server_error
from tenants.http.error_responses import error_page_or_json
from tenants.http.middleware import RequestStateMiddleware
from tenants.tests.api_clients import bearing, make_key

# Chromium's
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
JAVA = {"Accept": "text/html, image/gif, image/jpeg, */*; q=0.2"}


@pytest.mark.parametrize("headers", [{}, {"Accept": "*/*"}, {"Accept": "application/json"}])
def test_programs_get_json(client, db, headers):
    response = client.get("/nothing", headers=headers)
    assert response.status_code == 404
    assert response.json() == {"error": "Not found: /nothing", "code": "not_found", "details": None}


def test_browsers_get_a_page(client, db):
    response = client.get("/<b>nothing", headers=BROWSER)
    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "Not found: /&lt;b&gt;nothing" in response.content.decode()
    assert response["X-Request-ID"] in response.content.decode()


def test_back_end_with_a_key_gets_json_whatever_its_library_accepts(client, casino_a):
    key = make_key(casino_a).text
    assert client.get("/nothing", headers=bearing(key, **JAVA)).json()["code"] == "not_found"


def test_anonymous_browser_gets_a_page_without_the_browsable_api(client, casino_a, settings):
    settings.RECSYS_OPEN_API = False
    headers = {"Casino-ID": "1"}
    page = client.get("/config", headers={**headers, **BROWSER})
    assert (page.status_code, page["Content-Type"]) == (401, "text/html; charset=utf-8")
    assert "Authentication required" in page.content.decode()
    assert page["WWW-Authenticate"]
    assert not any("rest_framework" in str(template.name) for template in page.templates)
    answer = client.get("/config?format=json", headers={**headers, **BROWSER})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_forbidden_page(client, db):
    client.force_login(User.objects.create_user("helper", is_staff=True))
    page = client.get("/admin/auth/user/", headers=BROWSER)
    assert page.status_code == 403
    assert "no permission" in page.content.decode()
    assert client.get("/admin/auth/user/").json()["code"] == "permission_denied"


def test_form_without_its_token_gets_a_page_that_says_what_to_do(db):
    client = Client(enforce_csrf_checks=True)
    page = client.post("/admin/login/", {"username": "x"}, headers=BROWSER)
    assert page.status_code == 403
    assert "reload the page" in page.content.decode()
    assert "style=" not in page.content.decode()


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_page_of_an_error_needs_no_database(status):
    request = RequestFactory().get("/", headers=BROWSER)
    page = error_page_or_json(request, "What happened", "code", status=status, headers={"Retry-After": "1"})
    assert (page.status_code, page["Retry-After"]) == (status, "1")
    assert "What happened" in page.content.decode()


def test_server_error_and_bad_request_are_pages_for_browsers():
    request = RequestFactory().get("/", headers=BROWSER)
    assert "request_id" in server_error(request).content.decode()
    assert "Host header" in bad_request(request, ValueError()).content.decode()
    assert b'"code": "internal_error"' in server_error(RequestFactory().get("/")).content


def test_outage_of_the_database_is_a_page_for_browsers(db):
    middleware = RequestStateMiddleware(lambda request: HttpResponse())
    page = middleware.process_exception(
        RequestFactory().get("/", headers=BROWSER), OperationalError("the server is away")
    )
    assert page is not None
    assert (page.status_code, page["Retry-After"]) == (503, "1")
    assert "try again soon" in page.content.decode()
