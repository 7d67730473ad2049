"""An event whose start time is to be confirmed is stored, and the offer knows it at each version."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from recommendations.models import Event
from recommendations.offer import offers, read_offer
from recommendations.storing import store_events
from recommendations.tests.factories import OPEN, EventFactory, at, event_row
from recommendations.validation.changes import EventChange
from tenants.routing.connections import execute
from tenants.routing.context import use_casino


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def store(minute, event_id=1, **changes):
    store_events([event_row(id=event_id, timestamp=at(minute), **changes)])


def tbd(now: datetime) -> dict[int, bool]:
    """By the cached offer, which must be that of a process that reads all events."""
    offer = read_offer(now)
    known = dict(zip(offer.ids.tolist(), offer.start_time_tbd.tolist(), strict=True))
    offers.reset()
    fresh = read_offer(now)
    assert known == dict(zip(fresh.ids.tolist(), fresh.start_time_tbd.tolist(), strict=True))
    return known


def test_the_offer_follows_the_latest_message(now):
    store(0, start_time_tbd=True)
    EventFactory.create(id=2)
    assert tbd(now) == {1: True, 2: False}
    read_offer(now)
    store(1, begin_timestamp=OPEN + timedelta(minutes=15))  # the time is known now
    assert tbd(now) == {1: False, 2: False}
    read_offer(now)
    store(2, 3, start_time_tbd=True)
    assert tbd(now) == {1: False, 2: False, 3: True}
    read_offer(now)
    execute("UPDATE events SET start_time_tbd = true WHERE id = 2")
    assert tbd(now) == {1: False, 2: True, 3: True}
    execute("DELETE FROM event_teams")
    execute("DELETE FROM events WHERE id > 1")
    assert tbd(now) == {1: False}


def test_an_older_message_changes_nothing(now):
    store(5)
    store(4, start_time_tbd=True)
    assert Event.objects.get().start_time_tbd is False
    store(6, start_time_tbd=True)
    assert Event.objects.get().start_time_tbd is True


def test_a_partial_message_keeps_it_unless_it_has_a_begin():
    store(0, start_time_tbd=True)
    changes: list[tuple[int, dict[str, Any], bool]] = [
        (1, {"odd": Decimal(3)}, True),
        (2, {"begin_timestamp": OPEN + timedelta(minutes=15)}, False),
        (3, {"start_time_tbd": True}, True),
    ]
    for minute, values, expected in changes:
        store_events([EventChange(id=1, timestamp=at(minute), **values)])
        assert Event.objects.get().start_time_tbd is expected
