"""The page *Feeds*: producers with their partitions and markets, closed and reopened by hand."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from recommendations.models import Event, Feed, Producer
from recommendations.tests.factories import EventFactory
from recommendations.tests.prices.market_rows import LIVE, PREMATCH, heard, market, producer
from recommendations.validation.markets import BY_UPLOAD
from tenants.models import Casino, CasinoState
from tenants.routing.context import use_casino

from .conftest import HOSTILE, count_queries, staff_client, text_of

URL = "/casinos/1/feeds/"
QUERIES = 9  # savepoint, statement timeout, feeds, release; savepoint, statement timeout, counts, events, release


@pytest.fixture
def with_feeds(casino_a, casino_b):
    """Casino A has two producers; casino B's PREMATCH is another one."""
    with use_casino(casino_b.current):
        EventFactory.create()
        market(Event.objects.get().pk, {"OF BETA": 2.0})
    casino_a.options = {"feed_silence_seconds": 100}
    casino_a.save()
    with use_casino(casino_a.current):
        for event in EventFactory.create_batch(2):
            market(event.pk)
            market(event.pk, {"OVER": 1.9, "UNDER": 1.9}, name="TOTALS", line="2.5", status="suspended")
        producer(LIVE)
        heard(LIVE, partition=1, seconds_ago=150)
        heard(LIVE, partition=BY_UPLOAD, seconds_ago=3)


def post(client, action, name="PREMATCH", **fields):
    return client.post(URL, {"action": action, "producer": name, **fields}, follow=True)


def states(client):
    return {each.status.name: each.status.state for each in client.get(URL).context["feeds"]}


def words_of(client):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text_of(client, URL).split("<main")[1]))


def test_casino_without_feeds_is_told_how_one_begins(staff):
    page = text_of(staff, URL)
    assert "No producer has sent prices" in page
    assert "docs/markets.md" in page


def test_producers_are_shown_with_partitions_state_and_markets(staff, with_feeds):
    assert states(staff) == {"LIVE": "silent", "PREMATCH": "open"}
    page = words_of(staff)
    assert "Silent for 2 min" in page
    assert "HTTP and files" in page
    assert "open 2 markets in 2 events" in page
    assert "suspended 2 markets" in page
    assert "2 events with markets can be bet on" in page


def test_other_casinos_feeds_are_not_shown_or_changed(staff, with_feeds, casino_b):
    post(staff, "close")
    with use_casino(casino_b.current):
        assert not Producer.objects.get().closed_by_hand
    assert [each.status.name for each in staff.get("/casinos/2/feeds/").context["feeds"]] == ["PREMATCH"]


@pytest.mark.covered
def test_number_of_queries_depends_on_no_number_of_rows(staff, with_feeds, casino_a):
    staff.get(URL)
    few = count_queries(staff, URL)
    with use_casino(casino_a.current):
        for number, event in enumerate(EventFactory.create_batch(10)):
            market(event.pk, name=f"M{number}")
            heard(PREMATCH, partition=number + 1)
    assert count_queries(staff, URL) == few == (few[0], QUERIES, 0)


@pytest.mark.covered
def test_producer_is_closed_and_reopened_by_hand_and_both_are_logged(staff, with_feeds):
    assert "PREMATCH is closed by hand" in post(staff, "close").content.decode()
    assert states(staff)["PREMATCH"] == "closed_by_hand"
    assert "none of its prices is served until it is reopened" in text_of(staff, URL)
    assert "no longer closed by hand" in post(staff, "reopen").content.decode()
    assert states(staff)["PREMATCH"] == "open"
    entries = LogEntry.objects.order_by("pk").values_list("object_id", "user__username", "change_message")
    assert list(entries) == [
        ("1", "staff", "Closed the producer PREMATCH."),
        ("1", "staff", "Reopened the producer PREMATCH."),
    ]


def test_stalled_partition_is_forgotten(staff, with_feeds, casino_a):
    assert 'value="forget"' in text_of(staff, URL)
    answer = post(staff, "forget", "LIVE", partition="1")
    assert "Partition 1 of LIVE is forgotten" in answer.content.decode()
    with use_casino(casino_a.current):
        assert set(Feed.objects.filter(producer=LIVE).values_list("partition", flat=True)) == {0, BY_UPLOAD}
    assert states(staff)["LIVE"] == "open"
    assert LogEntry.objects.get().change_message == "Forgot partition 1 of the producer LIVE."


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "close", "producer": "NOBODY"},
        {"action": "close", "producer": "\0"},
        {"action": "close", "producer": "LIVE", "partition": "1"},
        {"action": "drop", "producer": "LIVE"},
        {"action": "forget", "producer": "LIVE"},
        {"action": "forget", "producer": "LIVE", "partition": "7"},
        {"action": "forget", "producer": "LIVE", "partition": "9" * 30},
        {"action": "forget", "producer": "PREMATCH", "partition": "0"},
        {},
    ],
)
def test_anything_else_changes_nothing(staff, with_feeds, casino_a, fields):
    before = states(staff)
    answer = staff.post(URL, fields, follow=True)
    assert "Nothing was changed" in answer.content.decode()
    assert states(staff) == before
    assert LogEntry.objects.count() == 0
    with use_casino(casino_a.current):
        assert Feed.objects.count() == 4


def test_changes_require_the_permission_to_configure_and_a_csrf_token(with_feeds):
    reader, writer = staff_client("recommendations.view_event"), staff_client("tenants.change_casino")
    assert "<button" not in text_of(reader, URL).split("<main")[1]
    assert reader.post(URL, {"action": "close", "producer": "LIVE"}).status_code == 403
    assert states(reader)["LIVE"] == "silent"
    without_token = Client(enforce_csrf_checks=True)
    without_token.force_login(User.objects.get(username=str(writer.get(URL).wsgi_request.user)))
    assert without_token.post(URL, {"action": "close", "producer": "LIVE"}).status_code == 403
    assert post(writer, "close", "LIVE").status_code == 200
    assert states(writer)["LIVE"] == "closed_by_hand"


def test_producer_without_heartbeats_counts_as_alive(staff, casino_a, casino_b):
    with use_casino(casino_a.current):
        Producer.objects.create(code=PREMATCH, name=HOSTILE.upper())
    page = text_of(staff, URL)
    assert "No heartbeats so far" in page
    assert HOSTILE.upper() not in page
    assert states(staff) == {HOSTILE.upper(): "open"}


def test_producer_that_is_down_says_so(staff, casino_a, casino_b):
    with use_casino(casino_a.current):
        producer(PREMATCH, is_down=True)
    assert states(staff) == {"PREMATCH": "down"}
    assert "It reported that it is down" in text_of(staff, URL)


def test_casinos_option_says_when_a_feed_is_silent(staff, with_feeds, casino_a):
    casino_a.options = {"feed_silence_seconds": 3_000}
    casino_a.save()
    assert states(staff)["LIVE"] == "open"
    assert "silent after 3000 s" in words_of(staff)


def test_unavailable_casino_shows_the_reason_and_changes_nothing(staff, with_feeds):
    Casino.objects.filter(pk=1).update(schema_version="older")
    assert "is not migrated" in text_of(staff, URL)
    assert "Nothing was changed." in post(staff, "close").content.decode()
    Casino.objects.filter(pk=1).update(state=CasinoState.FAILED)
    assert "Nothing was changed." in post(staff, "close").content.decode()
