"""Closing and reopening producers by hand, and forgetting a partition."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from recommendations.errors import FeedNotFound
from recommendations.models import Feed, Producer
from recommendations.prices.feed_status import read_feeds
from recommendations.storing.feeds_by_hand import close_producer, forget_partition
from recommendations.tests.factories import EventFactory
from recommendations.tests.prices.market_rows import LIVE, PREMATCH, heard, market, producer
from tenants.routing.context import use_casino

SILENCE = 10.0


@pytest.fixture
def staff(db):
    return User.objects.create_user("staff")


@pytest.fixture(autouse=True)
def in_casino(casino_a, casino_b, staff):
    with use_casino(casino_b.current):
        producer(PREMATCH)
        heard(PREMATCH, partition=1, seconds_ago=60)
    with use_casino(casino_a.current):
        yield


def states():
    return {each.name: each.state for each in read_feeds(SILENCE)}


def test_closing_and_reopening_change_one_producer_of_one_casino(casino_a, casino_b, staff):
    producer(PREMATCH)
    producer(LIVE)
    close_producer(casino_a, "LIVE", is_closed=True, staff=staff)
    assert states() == {"LIVE": "closed_by_hand", "PREMATCH": "open"}
    close_producer(casino_a, "LIVE", is_closed=False, staff=staff)
    assert states() == {"LIVE": "open", "PREMATCH": "open"}
    with use_casino(casino_b.current, switch=True):
        assert not Producer.objects.get().closed_by_hand


def test_unknown_producer_and_partition_are_errors_and_not_logged(casino_a, staff):
    producer(PREMATCH)
    heard(PREMATCH, partition=1)
    with pytest.raises(FeedNotFound, match="no producer NOBODY"):
        close_producer(casino_a, "NOBODY", is_closed=True, staff=staff)
    with pytest.raises(FeedNotFound, match="no partition 2"):
        forget_partition(casino_a, "PREMATCH", 2, staff=staff)
    assert LogEntry.objects.count() == 0


def test_forgotten_partition_closes_the_feed_no_longer_and_its_prices_until_they_are_sent_again(casino_a, staff):
    producer(PREMATCH)
    heard(PREMATCH, partition=1, seconds_ago=60)
    producer(LIVE)
    before = Feed.objects.get(producer=LIVE).valid_since
    assert states()["PREMATCH"] == "silent"
    began = datetime.now(UTC)
    forget_partition(casino_a, "PREMATCH", 1, staff=staff)
    assert states()["PREMATCH"] == "open"
    [left] = Feed.objects.filter(producer=PREMATCH)
    assert left.partition == 0
    assert left.valid_since >= began - timedelta(seconds=1)
    assert Feed.objects.get(producer=LIVE).valid_since == before


def test_a_later_time_before_which_prices_are_not_valid_stays(casino_a, staff):
    producer(PREMATCH)
    later = datetime.now(UTC) + timedelta(hours=1)
    heard(PREMATCH, partition=0, valid_since=later)
    heard(PREMATCH, partition=1, seconds_ago=60)
    forget_partition(casino_a, "PREMATCH", 1, staff=staff)
    assert Feed.objects.get().valid_since == later


def test_the_only_partition_is_not_forgotten(casino_a, staff):
    """Heard again, it would not know from when on its prices are valid."""
    producer(PREMATCH)
    with pytest.raises(FeedNotFound, match="beside others"):
        forget_partition(casino_a, "PREMATCH", 0, staff=staff)
    assert Feed.objects.count() == 1
    market(EventFactory.create().pk)
