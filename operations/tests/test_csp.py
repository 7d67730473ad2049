"""The Content-Security-Policy of pages."""

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import RequestFactory

from operations.middleware import ADMIN_POLICY, API_POLICY, STRICT_POLICY, ContentPolicyMiddleware

pytestmark = pytest.mark.covered

HTML = {"Accept": "text/html"}


@pytest.fixture
def staff(client, db):
    client.force_login(User.objects.create_superuser("staff"))
    return client


@pytest.mark.parametrize("path", ["/", "/casino/", "/admin/login/", "/nothing-here", "/config"])
def test_pages_load_nothing_inline_and_nothing_from_other_hosts(client, casino_a, path):
    policy = client.get(path)["Content-Security-Policy"]
    assert policy == STRICT_POLICY
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/admin/", "/admin/tenants/casino/", "/admin/ingestion/parked/"])
def test_the_admins_theme_may_evaluate_its_attributes(staff, path):
    assert staff.get(path)["Content-Security-Policy"] == ADMIN_POLICY


def test_api_pages_may_have_inline_styles_and_no_inline_scripts(client, casino_a):
    policy = client.get("/config", headers={"Casino-ID": "1"} | HTML)["Content-Security-Policy"]
    assert policy == API_POLICY
    assert "script-src 'self';" in policy


def test_documentation_of_the_api_may_have_inline_styles(staff):
    assert staff.get("/api/docs/")["Content-Security-Policy"] == API_POLICY


def test_view_may_set_its_own_policy():
    response = HttpResponse(headers={"Content-Security-Policy": "sandbox"})
    answer = ContentPolicyMiddleware(lambda _: response)(RequestFactory().get("/"))
    assert isinstance(answer, HttpResponse)
    assert answer["Content-Security-Policy"] == "sandbox"
