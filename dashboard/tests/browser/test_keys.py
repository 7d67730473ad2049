"""The lifecycle of a casino's API key: created in the admin, used, revoked."""

import json
import urllib.error
import urllib.request

import pytest


@pytest.fixture
def request_with(live_server, settings):
    """Sends a request with a key; returns status and body."""
    settings.RECSYS_OPEN_API = False

    def _request(key):
        request = urllib.request.Request(f"{live_server.url}/recommend/1", headers={"Authorization": f"Api-Key {key}"})
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    return _request


@pytest.mark.exhaustive
def test_key_is_created_shown_once_used_and_revoked(staff_page, request_with):
    staff_page.get_by_role("link", name="API keys").click()
    staff_page.get_by_role("link", name="Add API key").first.click()
    staff_page.locator("#id_casino").select_option("1")
    staff_page.get_by_label("Name").fill("back end")
    staff_page.get_by_role("button", name="Save", exact=True).click()
    key = staff_page.get_by_label("API key").input_value()
    status, answer = request_with(key)
    assert (status, answer["who"]) == (200, 1)

    staff_page.get_by_role("link", name="I have copied it").click()
    staff_page.wait_for_url("**/admin/tenants/apikey/")
    assert key not in staff_page.content()
    staff_page.get_by_role("checkbox", name="Select record").first.check()
    staff_page.locator("select[name=action]").select_option("revoke")
    staff_page.get_by_role("button", name="Run").or_(staff_page.get_by_role("button", name="Go")).first.click()
    staff_page.get_by_text("No process accepts these keys any more").wait_for()
    assert request_with(key) == (
        401,
        {"error": "This API key is not valid", "code": "invalid_api_key", "details": None},
    )
