"""An operator's daily tasks in a real browser."""

import json
import re

import pytest

from tenants.models import Casino

from .conftest import log_in

OTHER = '{"customer": {"type": "string", "source_field": "user_id"}, "stake": "float"}'


def test_staff_log_in_and_see_all_casinos(open_page, casinos):
    page = open_page()
    log_in(page)
    rows = page.get_by_role("row")
    assert "Alpha" in rows.nth(1).inner_text()
    assert "Beta" in rows.nth(2).inner_text()
    assert "41" in rows.nth(1).inner_text()


@pytest.mark.exhaustive
def test_login_redirects_to_the_requested_page(open_page, casinos):
    page = open_page()
    log_in(page, "/casinos/2/")
    assert page.get_by_role("heading", level=1).inner_text() == "Beta"


@pytest.mark.exhaustive
def test_wrong_password_shows_an_error_and_grants_no_access(open_page, casinos):
    page = open_page()
    page.goto("/")
    page.get_by_label("Username").fill("staff")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    assert "correct username and password" in page.get_by_role("alert").inner_text()
    page.goto("/casinos/1/")
    assert page.get_by_role("heading", level=1).inner_text() == "Log in"


@pytest.mark.exhaustive
def test_switcher_opens_the_other_casinos_page_and_rows(staff_page):
    staff_page.get_by_role("link", name="Alpha", exact=True).click()
    assert "Alpha LEAGUE" in staff_page.inner_text("main")
    staff_page.get_by_label("Casino", exact=True).select_option("2")
    staff_page.get_by_role("button", name="Use", exact=True).click()
    staff_page.wait_for_url("**/casinos/2/")
    assert "Beta LEAGUE" in staff_page.inner_text("main")
    staff_page.get_by_role("link", name="Users", exact=True).click()
    staff_page.wait_for_url("**/admin/recommendations/user/")
    assert "Beta1" in staff_page.inner_text("body")
    assert "Alpha1" not in staff_page.inner_text("body")


def test_staff_search_a_user_preview_recommendations_and_open_a_coupon(staff_page):
    staff_page.goto("/casinos/1/try/")
    staff_page.get_by_label("User by id or name").fill("alpha2")
    staff_page.get_by_role("button", name="Search").click()
    staff_page.get_by_role("link", name="Alpha2 Lovelace").click()
    slip = staff_page.get_by_role("region", name="inference_score configured")
    slip.get_by_role("listitem").nth(2).wait_for()
    assert "most frequent league in your bets" in slip.inner_text()
    staff_page.get_by_role("link", name=re.compile(r"^Coupon \d+$")).click()
    staff_page.wait_for_url("**/admin/recommendations/purchasedcoupon/*/change/")
    assert "Alpha ROVERS" in staff_page.inner_text("body")


@pytest.mark.exhaustive
def test_preview_updates_while_typing_and_saving_changes_the_response(staff_page, live_server):
    staff_page.goto("/casinos/1/configuration/?user=2")
    preview = staff_page.locator("#preview")
    assert '"who": 2' in preview.inner_text()
    staff_page.get_by_label("Recommendation schema").fill(OTHER)
    preview.get_by_text('"customer": "2"').wait_for()
    assert Casino.objects.get(pk=1).recommendation_schema.keys() == {"who", "bets"}  # nothing is stored yet
    staff_page.get_by_label("Recommender", exact=True).select_option("soonest")
    staff_page.get_by_role("button", name="Save").click()
    staff_page.get_by_text("is saved").wait_for()
    answer = staff_page.request.get("/recommend/2", headers={"Casino-ID": "1", "Accept": "application/json"}).json()
    assert answer.keys() == {"customer", "stake"}
    assert json.loads(preview.locator("pre").inner_text()).keys() == answer.keys()


@pytest.mark.exhaustive
def test_error_appears_at_the_field_while_typing_and_disappears_when_corrected(staff_page):
    staff_page.goto("/casinos/1/configuration/")
    error = staff_page.locator("#id_options_error")
    staff_page.get_by_label("Options").fill('{"event_limit": 99}')
    error.get_by_text("event_limit").wait_for()
    assert staff_page.get_by_label("Options").get_attribute("aria-invalid") == "true"
    staff_page.get_by_label("Options").fill('{"event_limit": 2}')
    error.get_by_text("event_limit").wait_for(state="detached")
    assert staff_page.get_by_label("Options").get_attribute("aria-invalid") == "false"
    assert staff_page.locator("#preview pre").inner_text().count("league") == 2


@pytest.mark.exhaustive
def test_staff_log_out(staff_page):
    staff_page.get_by_role("button", name="Log out").click()
    staff_page.goto("/")
    assert staff_page.get_by_role("heading", level=1).inner_text() == "Log in"


@pytest.mark.exhaustive
@pytest.mark.parametrize("is_saved", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
def test_pages_work_without_javascript(open_page, casinos, is_saved):
    page = open_page(java_script_enabled=False)
    log_in(page)
    page.get_by_role("link", name="Alpha", exact=True).click()
    page.get_by_role("img", name="Messages stored by hour").wait_for()
    page.get_by_text("Menu").click()
    page.get_by_role("link", name="Configuration").first.click()
    page.get_by_label("Recommendation schema").fill(OTHER)
    page.get_by_role("button", name="Save" if is_saved else "Preview").click()
    page.locator("#preview").get_by_text('"customer": "1"').wait_for()
    assert ("customer" in Casino.objects.get(pk=1).recommendation_schema) is is_saved
