"""Accessibility: small screens, dark theme, keyboard, screen readers."""

from datetime import UTC, datetime

import pytest

from recommendations.models import Event, MarketStatus, Producer
from recommendations.tests.prices.market_rows import LIVE, heard, market
from tenants.routing.context import use_casino

from .conftest import log_in

PAGES = (
    "/", "/casinos/1/", "/casinos/1/try/", "/casinos/1/try/?user=1", "/casinos/1/prices/", "/casinos/1/feeds/",
    "/casinos/1/configuration/", "/casinos/1/exposure/", "/casino/",
    "/casinos/1/sales/", "/casinos/1/experiments/",
)  # fmt: skip
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
LONG = "<img src=x onerror=alert(1)> " + "Wide" * 15

# Visible texts whose contrast with their background is below 4.5 (WCAG 2.1 AA).
CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = text => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map(v => { v /= 255;
    return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * x + .7152 * y + .0722 * z; };
  const behind = element => { for (let each = element; each; each = each.parentElement) {
    const colour = rgba(getComputedStyle(each).backgroundColor); if (colour[3] > 250) return colour; }
    return [255, 255, 255, 255]; };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const texts = [...element.childNodes].filter(node => node.nodeType === 3);
    const text = texts.map(node => node.textContent.trim()).join("");
    if (!text || !element.checkVisibility() || element.closest(".rs-hidden, .rs-skip, thead, option")) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) poor.push(text.slice(0, 40) + " " + ratio.toFixed(2));
  }
  return poor;
}"""
UNNAMED = """() => [...document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a")]
  .filter(each => each.checkVisibility() && !(each.labels && each.labels.length) && !each.getAttribute("aria-label")
    && !each.textContent.trim()).map(each => each.outerHTML.slice(0, 80))"""


@pytest.fixture
def ladder(casinos):
    """The page of an event of casino 1 with prices in every state, by feeds in every state."""
    with use_casino(casinos[0].current):
        event_id = Event.objects.order_by("pk")[0].pk
        for status in MarketStatus.values:
            market(event_id, name=status.upper(), status=status)
        market(event_id, {"YES": 1.5, "NO": 0.0}, name="OLD", as_of=datetime(2026, 1, 1, tzinfo=UTC))
        market(event_id, name="BY LIVE", code=LIVE)
        heard(LIVE, partition=1, seconds_ago=60)
        Producer.objects.create(code=2, name="BY HAND", closed_by_hand=True)
        Producer.objects.create(code=3, name="DOWN", is_down=True)
    return f"/casinos/1/prices/?event={event_id}"


@pytest.mark.parametrize(
    "viewport", [pytest.param(PHONE, id="phone"), pytest.param(DESK, id="desk", marks=pytest.mark.exhaustive)]
)
def test_every_page_fits_the_screen_with_enough_contrast_and_named_controls(open_page, casinos, ladder, viewport):
    casinos[1].name = LONG[:100]
    casinos[1].save()
    page = open_page(viewport=viewport)
    log_in(page)
    for path in (*PAGES, ladder):
        page.goto(path)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], path
            assert page.evaluate(CONTRAST) == [], (path, scheme)
        assert page.evaluate(UNNAMED) == [], path
        assert page.get_by_role("heading", level=1).count() == 1, path


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


@pytest.mark.exhaustive
def test_hostile_names_run_no_script(open_page, casinos):
    casinos[0].name = LONG[:100]
    casinos[0].save()
    page = open_page()
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    log_in(page)
    for path in (*PAGES, "/admin/tenants/casino/", "/admin/recommendations/user/"):
        page.goto(path)
        assert page.locator("img[src=x]").count() == 0
