"""Closing and reopening producers by hand, and forgetting a partition: each change is logged."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from recommendations.errors import FeedInUse, FeedNotFound
from recommendations.models import Feed, Producer
from recommendations.prices.feed_status import read_feeds
from recommendations.storing.feeds_by_hand import close_producer, forget_silent_partition
from recommendations.tests.prices.market_rows import LIVE, PREMATCH, heard, producer
from tenants.routing.context import use_casino

SILENCE = 100.0


@pytest.fixture
def staff(db):
    return User.objects.create_user("staff")


@pytest.fixture(autouse=True)
def in_casino(casino_a, casino_b, staff):
    with use_casino(casino_b.current):
        producer(PREMATCH)
        heard(PREMATCH, partition=1, seconds_ago=200)
    with use_casino(casino_a.current):
        yield


def states():
    return {each.name: each.state for each in read_feeds(SILENCE)}


def logged():
    return list(LogEntry.objects.order_by("pk").values_list("object_id", "change_message"))


def test_closing_and_reopening_change_one_producer_of_one_casino(casino_a, casino_b, staff):
    producer(PREMATCH)
    producer(LIVE)
    close_producer(casino_a, "LIVE", is_closed=True, staff=staff)
    assert states() == {"LIVE": "closed_by_hand", "PREMATCH": "open"}
    close_producer(casino_a, "LIVE", is_closed=False, staff=staff)
    assert states() == {"LIVE": "open", "PREMATCH": "open"}
    assert logged() == [("1", "Closed the producer LIVE."), ("1", "Reopened the producer LIVE.")]
    with use_casino(casino_b.current, switch=True):
        assert not Producer.objects.get().closed_by_hand


def test_unknown_producer_and_partition_are_errors_and_not_logged(casino_a, staff):
    producer(PREMATCH)
    heard(PREMATCH, partition=1)
    with pytest.raises(FeedNotFound, match="no producer NOBODY"):
        close_producer(casino_a, "NOBODY", is_closed=True, staff=staff)
    with pytest.raises(FeedInUse, match="Partition 2 of the producer PREMATCH"):
        forget_silent_partition(casino_a, "PREMATCH", 2, staff=staff)
    assert logged() == []


def test_forgotten_partition_keeps_the_feed_silent_no_longer(casino_a, casino_b, staff):
    producer(PREMATCH)
    heard(PREMATCH, partition=1, seconds_ago=200)
    assert states() == {"PREMATCH": "silent"}
    forget_silent_partition(casino_a, "PREMATCH", 1, staff=staff)
    assert states() == {"PREMATCH": "open"}
    assert logged() == [("1", "Forgot partition 1 of the producer PREMATCH.")]
    with use_casino(casino_b.current, switch=True):
        assert Feed.objects.count() == 2


def test_the_only_partition_is_not_forgotten(casino_a, staff):
    producer(PREMATCH)
    with pytest.raises(FeedInUse):
        forget_silent_partition(casino_a, "PREMATCH", 0, staff=staff)
    assert Feed.objects.count() == 1
    assert logged() == []
