"""Producers and an event's prices in the admin."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from recommendations.admin.prices import MOST_LINES
from recommendations.models import Producer
from recommendations.tests.factories import EventFactory
from recommendations.tests.prices.market_rows import LIVE, PREMATCH, heard, market, producer
from tenants.routing.context import use_casino

LIST = "/admin/recommendations/producer/"


@pytest.fixture
def staff(client, casino_a, casino_b):
    """Logged in, with casino A chosen. Both casinos have a producer PREMATCH, and prices of event 7."""
    client.force_login(get_user_model().objects.create_superuser("staff", password="x"))
    for casino, outcome in ((casino_b, "OF BETA"), (casino_a, "OF ALPHA")):
        with use_casino(casino.current):
            EventFactory.create(id=7)
            market(7, {outcome: 1.91, "OTHER": 0.0}, name="TOTALS", line="2.5", status="suspended")
    client.post("/casino/", {"casino": casino_a.pk})
    return client


def closed(casino):
    with use_casino(casino.current):
        return dict(Producer.objects.values_list("name", "closed_by_hand"))


def act(client, action, *codes):
    return client.post(LIST, {"action": action, "_selected_action": codes}, follow=True)


def test_producers_are_closed_and_reopened_and_both_are_logged(staff, casino_a, casino_b):
    assert "Closed by hand: PREMATCH." in act(staff, "close", PREMATCH).content.decode()
    assert (closed(casino_a), closed(casino_b)) == ({"PREMATCH": True}, {"PREMATCH": False})
    act(staff, "reopen", PREMATCH)
    assert closed(casino_a) == {"PREMATCH": False}
    messages = LogEntry.objects.order_by("pk").values_list("change_message", flat=True)
    assert list(messages) == ["Closed the producer PREMATCH.", "Reopened the producer PREMATCH."]


def test_closing_needs_the_permission_to_configure(staff, casino_a):
    reader = get_user_model().objects.create_user("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_producer"))
    client = Client()
    client.force_login(reader)
    client.post("/casino/", {"casino": casino_a.pk})
    assert "PREMATCH" in client.get(LIST).content.decode()
    act(client, "close", PREMATCH)
    assert closed(casino_a) == {"PREMATCH": False}


def test_a_producers_page_has_its_partitions(staff, casino_a):
    with use_casino(casino_a.current):
        heard(PREMATCH, partition=-1)
    page = staff.get(f"{LIST}{PREMATCH}/change/").content.decode()
    assert '<td data-label="partition">0</td>' in page
    assert '<td data-label="partition">HTTP and files</td>' in page


@pytest.mark.covered
def test_list_of_producers_takes_the_same_number_of_queries_for_any_number(staff, casino_a):
    def queries():
        with CaptureQueriesContext(connections["casino_1"]) as found:
            assert staff.get(LIST).status_code == 200
        return len(found)

    few = queries()
    with use_casino(casino_a.current):
        producer(LIVE)
        for code in range(2, 20):
            Producer.objects.create(code=code, name=f"P{code}")
    assert queries() == few


def test_an_events_page_shows_its_stored_prices(staff):
    page = staff.get("/admin/recommendations/event/7/change/").content.decode()
    assert '<td data-label="market">TOTALS</td><td data-label="line">2.5</td>' in page
    assert "OF ALPHA 1.91, OTHER closed" in page
    assert "suspended" in page
    assert 'href="/casinos/1/prices/?event=7"' in page
    assert "OF BETA" not in page


def test_prices_that_cannot_be_read_are_shown_as_they_are_stored(staff, casino_a):
    with use_casino(casino_a.current):
        market(7, {"A": 2.0}, name="M", line_id=99_999, producer=29)
    page = staff.get("/admin/recommendations/event/7/change/").content.decode()
    assert '<td data-label="market">unknown</td>' in page
    assert "? 2" in page


@pytest.mark.covered
def test_a_large_events_page_shows_the_first_market_lines(staff, casino_a):
    with use_casino(casino_a.current):
        for number in range(MOST_LINES):
            market(7, {"A": 2.0}, name=f"M{number}")
    page = staff.get("/admin/recommendations/event/7/change/").content.decode()
    assert f"Only the first {MOST_LINES} market lines are shown." in page


def test_event_without_markets_has_no_prices(staff, casino_a):
    with use_casino(casino_a.current):
        EventFactory.create(id=8)
    assert staff.get("/admin/recommendations/event/8/change/").status_code == 200
