"""The dummy feed of prices: messages that are stored, and heartbeats to each partition."""

import random
from datetime import timedelta
from itertools import islice
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from ingestion.errors import NothingToSend
from ingestion.producers.odds_feed import OddsFeed
from ingestion.tests.storing.test_odds import OddsFeed as StoringFeed
from recommendations.models import Event, Feed, Market, MarketLine
from recommendations.storing import store_events
from recommendations.tests.factories import EventFactory, event_row
from tenants.routing.context import use_casino

PARTITIONS = 3


def dummy_feed(*casinos):
    return OddsFeed(casinos, random.Random(5), PARTITIONS)


def store(feed: Any, messages):
    return set(feed.odds(*(msgspec.json.decode(each.value) for each in messages)))


def test_the_messages_are_stored(casino_a):
    with use_casino(casino_a.current):
        event = EventFactory.create(id=7)
    feed, stored = dummy_feed(casino_a), StoringFeed(casino_a)
    snapshot = list(feed.snapshot())
    assert [each.partition for each in snapshot] == [0, 1, 2, None]
    assert store(stored, snapshot) == {"stored"}
    changes = list(islice(feed.changes(), 60))
    assert store(stored, changes) <= {"stored", "duplicate", "stale"}
    assert any(b'"stop":true' in each.value for each in changes)
    with use_casino(casino_a.current):
        assert Market.objects.count() == 4
        assert Feed.objects.get().beats == PARTITIONS
        event.refresh_from_db()
        assert event.offered_by in {0, 1}


def test_prices_walk_on_from_those_that_are_stored(casino_a):
    with use_casino(casino_a.current):
        EventFactory.create(id=7)
    markets = [{"market": "WHO", "line": "9", "outcomes": [{"outcome": "A", "odd": 1.5}, {"outcome": "B", "odd": 2.6}]}]
    message = {"event_id": 7, "producer": "OTHER", "markets": markets}
    feed: Any = StoringFeed(casino_a)
    feed.odds(message)
    messages = list(dummy_feed(casino_a).snapshot())
    assert msgspec.json.decode(messages[-1].value)["markets"] == markets
    store(feed, messages)
    with use_casino(casino_a.current):
        assert list(MarketLine.objects.values_list("market", "line")) == [("WHO", "9")]


@pytest.mark.usefixtures("fresh_ids")
def test_an_event_that_came_without_an_id_gets_prices_too(casino_a):
    with use_casino(casino_a.current):
        store_events([event_row(id=None)])
    assert store(StoringFeed(casino_a), dummy_feed(casino_a).snapshot()) == {"stored"}
    with use_casino(casino_a.current):
        assert Event.objects.get().offered_by == 1


def test_each_casino_gets_prices_of_its_own_events(casino_a, casino_b):
    for casino, event_id in ((casino_a, 7), (casino_b, 8)):
        with use_casino(casino.current):
            EventFactory.create(id=event_id)
    feed = dummy_feed(casino_a, casino_b)
    messages = [*feed.snapshot(), *islice(feed.changes(), 50)]
    keys = {(each.casino_id, each.key) for each in messages if each.key}
    assert keys == {(casino_a.pk, "7"), (casino_b.pk, "8")}


def test_an_event_that_is_over_gets_no_prices(casino_a):
    with use_casino(casino_a.current):
        EventFactory.create(begin_timestamp=timezone.now() - timedelta(days=1))
    with pytest.raises(NothingToSend):
        next(dummy_feed(casino_a).snapshot())


def test_a_casino_without_events_gets_no_prices(casino_a):
    with pytest.raises(NothingToSend):
        next(dummy_feed(casino_a).snapshot())
