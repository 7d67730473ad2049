"""Every page of the site, as the list of URLs has it, on a desk and on a phone: it opens without an error in the
browser's console and runs no script of a name, nothing lies over its links and buttons, and it is not wider than the
screen. Ours can be read in both themes and by screen readers.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.contrib.auth.models import User as StaffUser
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from ingestion.models import PartitionOffset, Upload
from ingestion.tests.kafka_client import consume, send
from ingestion.topics import USERS
from recommendations.experiments.lifecycle import create_experiment
from recommendations.fitted_models.store import Fitting, store_models
from recommendations.models import Event, MarketStatus, Producer, ServedSlip, Team, User
from recommendations.recommenders.hybrid import DEFAULT_MODEL
from recommendations.tests.experiments.definitions import ab, interleaving
from recommendations.tests.prices.market_rows import LIVE, PREMATCH, heard, market
from tenants.access.api_keys import issue_key
from tenants.models import CasinoMigration, MigrationRun, PrivacyRecord, StaffBinding
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

LONG = "<img src=x onerror=alert(1)> of Wolverhampton " + "Wide" * 10
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
# Pages of an object are opened for the first one of its model.
OBJECT = re.compile(r"admin/(\w+)/(\w+)/<(?:path:object_id|id)>/")
# No pages: they answer with JSON, a part of a page or a redirect, allow no GET, or change something.
NO_PAGES = {
    "admin/autocomplete/", "admin/jsi18n/", "admin/logout/", "admin/search/", "admin/(?P<url>.*)", "casinos/chosen/",
    "config/options.schema.json", "experiments/definition.schema.json", "experiments", "experiments/<slug:name>",
    "experiments/<slug:name>/start", "experiments/<slug:name>/stop", "experiments/<slug:name>/grow",
    "experiments/<slug:name>/report",
    "api/schema/", "sales", "recommend", "recommend/session", "recommend/<path:user_id>/next",
    "events/<path:event_id>/similar", "users/<path:user_id>",
    "users/<path:user_id>/export", "odds", "impressions", "events",
    "events/<path:event_id>", "users", "coupons", "coupons/<path:coupon_id>", "api/schemas/<str:topic>.json",
    "purchase/<path:user_id>", "admin/r/<path:content_type_id>/<path:object_id>/",
    "admin/ingestion/deadletter/<path:object_id>/download/",
    "admin/tenants/unassigneddeadletter/<path:object_id>/download/",
}  # fmt: skip
# Rows that nobody adds or deletes in the admin.
READ_ONLY = re.compile(
    r"admin/(recommendations/\w+|ingestion/(messagecount|partitionoffset|upload|deadletter)"
    r"|tenants/(migrationrun|casinomigration|privacyrecord|experiment|unassigneddeadletter))/(.+/delete/|add/)"
    r"|admin/tenants/(apikey|casino|databaseserver)/.+/delete/"
)
# One template with the name of a row: a browser opens that of casinos.
HISTORY = re.compile(r"admin/(?!tenants/casino/)\w+/\w+/.+/history/")
# Links and buttons that a click does not reach, each scrolled into view first.
COVERED = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary")]
  .filter(each => each.checkVisibility({opacityProperty: true, visibilityProperty: true}) && !each.disabled
    && !each.closest(".rs-skip"))
  .filter(each => { each.scrollIntoView({block: "center", behavior: "instant"});
    const box = each.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2;
    const top = document.elementFromPoint(x, y), labels = [...each.labels ?? []];
    return box.width > 1 && box.height > 1
      && !(top && (each.contains(top) || top.contains(each) || labels.some(label => label.contains(top)))); })
  .map(each => "covered: " + each.outerHTML.slice(0, 120))"""
# Texts that the screen or their box cuts off.
CUT = """() => [...document.querySelectorAll("main *, #content *, .rs-side h2, #nav-sidebar-inner h2")]
  .filter(each => [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()))
  .filter(each => each.checkVisibility() && !each.closest(".rs-hidden, thead, option, pre, textarea"))
  .filter(each => { const box = each.getBoundingClientRect();
    const isClipped = getComputedStyle(each).overflow === "hidden" && each.scrollWidth > each.clientWidth + 1;
    const side = each.closest(".rs-side, #nav-sidebar-inner")?.getBoundingClientRect();
    const isOver = each.scrollWidth > each.clientWidth + 1 && each.clientWidth && side;
    return box.width > 1 && (box.right > innerWidth + 1 || (box.left < -1 && !side) || isClipped || isOver); })
  .map(each => "cut off: " + each.outerHTML.slice(0, 120))"""


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
# Others are the admin's, Swagger's and REST framework's, with controls and colours of theirs.
OWN = re.compile(r"/(casinos?/.*)?")
INJECTED = """() => [...document.querySelectorAll("img[src=x]")].map(each => "made by a name: " + each.outerHTML)"""
HEADINGS = (
    """() => { const count = document.querySelectorAll("h1").length; return count === 1 ? [] : ["h1: " + count]; }"""
)
UNNAMED = """() => [...document.querySelectorAll("input:not([type=hidden]), select, textarea, button, a")]
  .filter(each => each.checkVisibility() && !(each.labels && each.labels.length) && !each.getAttribute("aria-label")
    && !each.textContent.trim()).map(each => each.outerHTML.slice(0, 80))"""


def routes(resolver: Any = None, prefix: str = "") -> Any:
    for each in (resolver or get_resolver()).url_patterns:
        route = prefix + re.sub(r"^\^|\$$", "", str(each.pattern))
        if isinstance(each, URLResolver):
            yield from routes(each, route)
        elif isinstance(each, URLPattern):
            yield route


@pytest.fixture
def everything(casinos, now, broker):
    """A row of every model of the admin, and dead letters of a casino and of none."""
    send(USERS, [(1, b"{"), (None, b"{")])
    consume(USERS, 2)
    alpha = casinos[0]
    alpha.name = LONG
    alpha.save()
    issue_key(alpha, name="back end", scopes={"recommend"}, by="staff")
    StaffBinding.objects.create(user=StaffUser.objects.create_user("bound", is_staff=True)).casinos.add(alpha)
    run = MigrationRun.objects.create(target="0" * 16, finished_at=now)
    CasinoMigration.objects.create(run=run, casino=alpha, error="django.db.utils.OperationalError: " + "long " * 60)
    PrivacyRecord.objects.create(casino_id=1, user_id=1, action="erased", asked_by="staff", done_at=now)
    Group.objects.create(name="support")
    create_experiment(casino=alpha, definition=interleaving("trees-or-trending-in-the-summer"), by="login ada", now=now)
    create_experiment(casino=alpha, definition=ab("1"), by="login ada", now=now)  # of the path /experiments/1/
    with use_casino(alpha.current):
        Team.objects.create(name=LONG, sport="FOOTBALL")
        scores = {"kind": LONG, "start": "default"}
        store_models([("hybrid", DEFAULT_MODEL.encode())], Fitting(1_000, scores=scores))
        User.objects.filter(pk=1).update(name=LONG)
        events = [{"event_id": 1, "odd": 2.5, "score": 1.0}]
        ServedSlip.objects.create(
            recommendation_id=uuid4(), user_id=1, timestamp=now - timedelta(hours=1), recommender="static",
            asked_for="static", stake=Decimal(10), currency="EUR", events=events,
        )  # fmt: skip
        priced = Event.objects.order_by("pk")[0].pk
        Event.objects.filter(pk=priced).update(home_team=LONG)
        market(priced, name=LONG)
        for number in range(60):
            market(priced, {"A VERY LONG NAME OF AN OUTCOME": 2.5, "W" * 60: 0.0}, name=f"PLAYER {number}|" + "W" * 60)
        for status in MarketStatus.values:
            market(priced, name=status.upper(), status=status)
        market(priced, {"YES": 1.5, "NO": 0.0}, name="OLD", as_of=now - timedelta(days=300))
        market(priced, name="BY LIVE", code=LIVE)
        heard(PREMATCH, partition=-1, seconds_ago=75)
        heard(PREMATCH, partition=1)
        heard(LIVE, partition=1, seconds_ago=60)
        Producer.objects.create(code=2, name="BY HAND", closed_by_hand=True)
        Producer.objects.create(code=3, name="DOWN", is_down=True)
        PartitionOffset.objects.create(
            cluster="c", consumer_group="g", topic="events", partition=0, next_offset=5, latest_sent_at=1
        )
        Upload.objects.create(
            door="http", name=LONG, topic="events", digest="0" * 64, next_offset=5, outcomes="[]", received_at=now
        )
    return casinos


def paths() -> list[str]:
    left = (READ_ONLY, HISTORY)
    pages = (route for route in routes() if route not in NO_PAGES and not any(each.fullmatch(route) for each in left))
    return sorted({path for route in pages for path in _paths_of(route)})


def _paths_of(route: str) -> Iterator[str]:
    if found := OBJECT.match(route):
        model: Any = apps.get_model(found[1], found[2])
        key = model.objects.order_by("pk").values_list("pk", flat=True).first()
        assert key is not None, f"{found[2]} has no row"
        if not route.endswith("<path:object_id>/"):  # which redirects to the change page
            yield "/" + OBJECT.sub(f"admin/{found[1]}/{found[2]}/{key}/", route)
    elif "(?P<app_label>" in route:
        yield from ("/" + re.sub(r"\(.*?\)", label, route) for label in re.findall(r"\w+(?=[|)]/?)", route))
    else:
        yield "/" + re.sub(r"<[^>]+>", "1", route)


def problems_of(page: Any, path: str) -> list[str]:
    """Of the page on a desk and on a phone, from one load."""
    page.set_viewport_size(DESK)
    response = page.goto(path)
    found = [f"status {response.status}"] if response.status != 200 else []
    if page.locator("#swagger-ui").count():
        page.wait_for_selector(".opblock")  # which its script makes
    is_own = OWN.fullmatch(path)
    checks = [COVERED, CUT, INJECTED, *([UNNAMED, HEADINGS] if is_own else [])]
    for viewport in (DESK, PHONE):
        page.set_viewport_size(viewport)
        found += [problem for check in checks for problem in page.evaluate(check)]
        if page.evaluate("document.documentElement.scrollWidth") > viewport["width"]:
            found.append("wider than the screen")
        for scheme in ("dark", "light") if is_own else ():
            page.emulate_media(color_scheme=scheme)
            found += page.evaluate(CONTRAST)
    return found


@pytest.mark.scaled
def test_every_page_opens_without_errors_and_can_be_read_and_used(open_page, everything, browser_errors):
    def note(dialog: Any) -> None:
        browser_errors.append(f"a script ran: {dialog.message}")
        dialog.dismiss()  # or it would block the page

    page = open_page(staff=True)
    page.on("dialog", note)
    page.goto("/casinos/1/")  # which makes casino 1 the chosen one
    with use_casino(everything[0].current):
        event = Event.objects.order_by("pk")[0].pk
        found = [*paths(), f"/casinos/1/prices/?event={event}", "/casinos/1/try/?user=1"]
    assert len(found) > 70
    problems = {}
    for path in found[:: scaled(10, 1)]:
        before = len(browser_errors)
        problems[path] = [*problems_of(page, path), *browser_errors[before:]]
    assert {path: each for path, each in problems.items() if each} == {}


@pytest.mark.exhaustive
def test_history_of_every_model_opens(everything):
    client = Client()
    client.force_login(StaffUser.objects.get(username="staff"))
    client.get("/casinos/1/")
    with use_casino(everything[0].current):
        found = [path for route in routes() if HISTORY.fullmatch(route) for path in _paths_of(route)]
    assert len(found) > 15
    assert {path: client.get(path).status_code for path in found} == dict.fromkeys(found, 200)


def test_error_pages_open_without_errors_of_their_own(open_page, casinos, browser_errors):
    page = open_page(staff=True)
    page.goto("/nothing-here")
    assert page.get_by_role("heading", level=1).inner_text() == "Not Found"
    assert "Not found: /nothing-here" in page.inner_text("main")
    page.get_by_role("link", name="Start page").click()
    page.goto("/admin/recommendations/user/add/")
    assert page.get_by_role("heading", level=1).inner_text() == "Forbidden"
    statuses = [error for error in browser_errors if error.startswith("Failed to load resource: the server responded")]
    assert browser_errors == statuses  # the browser tells of the page's own status, and of nothing else
    browser_errors.clear()


@pytest.mark.exhaustive
def test_login_form_is_narrow_and_centred(open_page, casinos):
    page = open_page(viewport=DESK)
    page.goto("/")
    box = page.locator("main").bounding_box()
    assert box["width"] < 450
    assert abs(box["x"] + box["width"] / 2 - DESK["width"] / 2) < 2


@pytest.mark.exhaustive
def test_bars_of_top_values_fill_their_track(staff_page):
    staff_page.goto("/casinos/1/")
    track, bar = staff_page.locator(".rs-bar").first, staff_page.locator(".rs-bar rect").first
    assert abs(track.bounding_box()["height"] - bar.bounding_box()["height"]) < 1
    assert abs(track.bounding_box()["width"] - bar.bounding_box()["width"]) < 1  # the first one has the greatest weight
