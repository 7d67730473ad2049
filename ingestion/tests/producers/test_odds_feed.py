"""The dummy feed of prices: messages that are stored, and heartbeats to each partition."""

import random
from itertools import islice
from typing import Any

import msgspec
import pytest

from ingestion.errors import NothingToSend
from ingestion.producers.odds_feed import generate_odds
from ingestion.tests.storing.test_odds import OddsFeed
from recommendations.models import Feed, Market
from recommendations.tests.factories import EventFactory
from tenants.routing.context import use_casino


def test_the_messages_are_stored(casino_a):
    with use_casino(casino_a.current):
        event = EventFactory.create(id=7)
    messages = list(islice(generate_odds([casino_a], random.Random(5), 3), 20))
    assert [each.partition for each in messages[:4]] == [0, 1, 2, None]
    feed: Any = OddsFeed(casino_a)
    assert set(feed.odds(*(msgspec.json.decode(each.value) for each in messages))) <= {"stored", "duplicate", "stale"}
    with use_casino(casino_a.current):
        assert Market.objects.count() == 4
        assert Feed.objects.get().beats == 3
        event.refresh_from_db()
        assert event.offered_by in {0, 1}


def test_a_casino_without_events_gets_no_prices(casino_a):
    with pytest.raises(NothingToSend):
        next(generate_odds([casino_a], random.Random(5), 3))
