"""Accessibility: keyboard, themes, confirmations."""

import pytest


@pytest.mark.exhaustive
def test_admin_actions_ask_for_confirmation(staff_page):
    for action in ("move", "clone", "restore", "delete"):
        staff_page.goto("/admin/tenants/casino/")
        staff_page.locator("input.action-select").first.check()
        staff_page.locator("select[name=action]").select_option(action)
        staff_page.locator("#changelist-form button[type=submit]").first.click()
        staff_page.get_by_role("link", name="Cancel").click()
        staff_page.wait_for_url("**/admin/tenants/casino/")


@pytest.mark.exhaustive
def test_dashboard_and_admin_share_the_theme_setting(staff_page):
    staff_page.get_by_role("button", name="Theme").click()
    staff_page.get_by_role("button", name="Theme: light").click()
    staff_page.get_by_role("button", name="Theme: dark").wait_for()
    assert staff_page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    staff_page.goto("/admin/")
    staff_page.locator("html.dark").wait_for()
    staff_page.goto("/casinos/1/")
    staff_page.locator("html.dark").wait_for()


@pytest.mark.exhaustive
def test_casino_is_opened_and_configured_by_keyboard(staff_page):
    keys = staff_page.keyboard

    def tab_to(name):
        for _ in range(80):
            keys.press("Tab")
            focused = staff_page.evaluate(
                "(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim()"
            )
            if focused == name:
                return
        raise AssertionError(f"{name} is not reached by Tab")

    tab_to("Skip to the content")
    keys.press("Enter")
    tab_to("Alpha")
    keys.press("Enter")
    staff_page.wait_for_url("**/casinos/1/")
    tab_to("Configuration")
    keys.press("Enter")
    staff_page.wait_for_url("**/configuration/")
    tab_to("Recommender")
    keys.type("static")
    tab_to("Save")
    keys.press("Enter")
    staff_page.get_by_text("is saved").wait_for()


@pytest.mark.exhaustive
def test_admin_filters_open_by_keyboard(staff_page):
    staff_page.goto("/admin/tenants/casino/")
    filters = staff_page.get_by_role("button", name="Filters")
    filters.focus()
    staff_page.keyboard.press("Enter")
    staff_page.get_by_text("By state").wait_for(state="visible")
