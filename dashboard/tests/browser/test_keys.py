"""A casino's API key, from the page that makes it to the answer that refuses it."""

import json
import urllib.error
import urllib.request

import pytest


@pytest.fixture
def ask(live_server, settings):
    """As a casino's back end: the status that answers whoever shows this key."""
    settings.RECSYS_OPEN_API = False

    def _ask(key):
        request = urllib.request.Request(f"{live_server.url}/recommend/1", headers={"Authorization": f"Api-Key {key}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    return _ask


def test_key_is_made_shown_once_used_and_revoked(staff_page, ask):
    staff_page.get_by_role("link", name="API keys").click()
    staff_page.get_by_role("link", name="Add API key").first.click()
    staff_page.locator("#id_casino").select_option("1")
    staff_page.get_by_label("Name").fill("back end")
    staff_page.get_by_role("button", name="Save", exact=True).click()
    key = staff_page.get_by_label("API key").input_value()
    status, answer = ask(key)
    assert (status, answer["who"]) == (200, 1)

    staff_page.get_by_role("link", name="I have kept it").click()
    staff_page.wait_for_url("**/admin/tenants/apikey/")
    assert key not in staff_page.content()
    staff_page.get_by_role("checkbox", name="Select record").first.check()
    staff_page.locator("select[name=action]").select_option("revoke")
    staff_page.get_by_role("button", name="Run").or_(staff_page.get_by_role("button", name="Go")).first.click()
    staff_page.get_by_text("no process takes these keys any more").wait_for()
    assert ask(key) == (401, {"error": "This API key is not valid", "code": "invalid_api_key", "details": None})
