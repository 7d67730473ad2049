"""What staff see of feeds: each producer's partitions and state, and its market lines by the gate's refusals."""

import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from recommendations.models import Event, EventStatus, Feed, Producer
from recommendations.prices.event_prices import unpack
from recommendations.prices.feed_status import feeds_of, read_feeds
from recommendations.prices.gate import Gate
from recommendations.prices.lines import Lines
from recommendations.prices.price_counts import PriceCounts, count_prices
from recommendations.prices.price_rules import PriceRules
from recommendations.prices.queries import read_prices
from recommendations.prices.refusals import Refusal
from recommendations.tests.factories import EventFactory
from recommendations.validation.markets import BY_UPLOAD
from tenants.routing.context import use_casino

from .market_rows import LIVE, PREMATCH, heard, market, producer

pytestmark = [pytest.mark.slow, pytest.mark.covered]

SILENCE = 100.0


@pytest.fixture(autouse=True)
def in_casino(casino_a, casino_b):
    with use_casino(casino_a.current):
        yield


def rules(**changes):
    return PriceRules(**{"now": time.time(), "feed_silence_seconds": SILENCE} | changes)


def states():
    return {each.name: each.state for each in read_feeds(SILENCE)}


def test_casino_without_prices_has_no_feeds():
    assert read_feeds(SILENCE) == []
    assert count_prices(feeds_of([]), rules()) == PriceCounts(0, 0, {})


def test_producer_is_open_silent_down_or_closed_by_hand():
    producer()
    producer(LIVE, name="LIVE")
    assert states() == {"LIVE": "open", "PREMATCH": "open"}
    heard(LIVE, seconds_ago=SILENCE + 1)
    assert states() == {"LIVE": "silent", "PREMATCH": "open"}
    producer(LIVE, is_down=True)
    producer(PREMATCH, closed_by_hand=True)
    assert states() == {"LIVE": "down", "PREMATCH": "closed_by_hand"}


def test_producer_without_heartbeats_is_open_and_has_no_partitions():
    Producer.objects.create(code=PREMATCH, name="PREMATCH")
    [feed] = read_feeds(SILENCE)
    assert (feed.state, feed.partitions, feed.producer.silent_seconds) == ("open", (), None)


def test_feed_is_as_old_as_its_oldest_partition():
    producer()
    heard(partition=1, seconds_ago=SILENCE + 50)
    heard(partition=BY_UPLOAD, seconds_ago=3)
    [feed] = read_feeds(SILENCE)
    assert [each.number for each in feed.partitions] == [BY_UPLOAD, 0, 1]
    assert [each.is_by_upload for each in feed.partitions] == [True, False, False]
    assert feed.producer.silent_seconds == pytest.approx(SILENCE + 50, abs=40)
    assert feed.state == "silent"


def test_other_casinos_feeds_are_not_shown(casino_b):
    producer()
    with use_casino(casino_b.current, switch=True):
        assert read_feeds(SILENCE) == []


def counts(**changes):
    found = count_prices(feeds_of(read_feeds(SILENCE)), rules(**changes))
    return {code: {each.code: number for each, number in of.lines.items()} for code, of in found.of_producers.items()}


def test_market_lines_are_counted_by_refusal_and_producer():
    events = EventFactory.create_batch(2)
    for event in events:
        market(event.pk)
        market(event.pk, name="TOTALS", line="2.5", status="suspended")
        market(event.pk, name="TOTALS", line="3.5", status="settled")
        market(event.pk, name="BOTH SCORE", as_of=datetime.now(UTC) - timedelta(days=60))
        market(event.pk, {"YES": 0.0, "NO": 0.0}, name="PENALTY")
        market(event.pk, {"A": 2.0}, name="FIRST GOAL", code=LIVE)
    assert counts() == {PREMATCH: {"open": 2, "suspended": 2, "closed": 4, "stale": 2}, LIVE: {"open": 2}}
    producer(LIVE, closed_by_hand=True)
    heard(PREMATCH, seconds_ago=SILENCE + 5)
    assert counts() == {PREMATCH: {"suspended": 2, "closed": 2, "feed_silent": 6}, LIVE: {"feed_closed": 2}}


def test_events_that_are_over_or_not_open_and_markets_of_unknown_events_are_not_counted():
    for changes in (
        {"status": EventStatus.SUSPENDED},
        {"end_timestamp": datetime.now(UTC), "begin_timestamp": datetime(2026, 1, 1, tzinfo=UTC)},
    ):
        market(EventFactory.create(**changes).pk)
    market(EventFactory.create(pk=900_077).pk)
    Event.objects.filter(pk=900_077).delete()
    assert counts() == {PREMATCH: {}}


def test_prices_of_events_in_play_have_their_own_age():
    old = datetime.now(UTC) - timedelta(minutes=5)
    market(EventFactory.create().pk, as_of=old)
    market(EventFactory.create(begin_timestamp=datetime.now(UTC) - timedelta(hours=1)).pk, as_of=old)
    assert counts(max_live_age_seconds=120) == {PREMATCH: {"open": 1, "stale": 1}}
    assert counts(max_live_age_seconds=inf) == {PREMATCH: {"open": 2}}
    assert counts(max_live_age_seconds=inf, max_age_seconds=60) == {PREMATCH: {"stale": 2}}


def test_events_are_counted_by_open_markets():
    for number in range(3):
        event = EventFactory.create()
        market(event.pk, status="open" if number else "suspended")
        market(event.pk, name="TOTALS", line="2.5", status="open" if number > 1 else "suspended")
    found = count_prices(feeds_of(read_feeds(SILENCE)), rules())
    assert (found.events, found.counted_events, found.of_producers[PREMATCH].open_events) == (3, 3, 2)


def test_only_the_next_events_are_counted():
    for _ in range(3):
        market(EventFactory.create().pk)
    found = count_prices(feeds_of(read_feeds(SILENCE)), rules(), max_events=2)
    assert (found.events, found.counted_events, found.of_producers[PREMATCH].lines[Refusal.OPEN]) == (3, 2, 2)


def test_counts_are_the_gates_own_refusals():
    """Lines of every status, age and producer: each counts as the gate refuses it."""
    chance = random.Random(5)
    now = datetime.now(UTC)
    producer()
    producer(LIVE, sends_heartbeats=False)
    heard(PREMATCH, valid_since=now - timedelta(hours=1))
    for is_live in (False, True):
        begin = now + timedelta(hours=-1 if is_live else 1)
        event = EventFactory.create(begin_timestamp=begin, end_timestamp=now + timedelta(hours=3))
        for number in range(60):
            age = timedelta(seconds=chance.choice([-30, 1, 100, 1_000, 5_000, 90_000]))
            market(
                event.pk, {"YES": chance.choice([0.0, 1.5])}, name=f"M{number}", code=chance.choice([PREMATCH, LIVE]),
                status=chance.choice(["open", "open", "suspended", "closed", "cancelled"]), as_of=now - age,
            )  # fmt: skip
    applied = rules(max_age_seconds=50_000.0)
    lines, expected = Lines(), Counter[tuple[int, Refusal]]()
    ids = list(Event.objects.order_by("-begin_timestamp").values_list("pk", flat=True))
    prices = read_prices(ids, lines)
    gate = Gate(applied, prices.feeds)
    for event_id, is_live in zip(ids, (False, True), strict=True):
        row = unpack(prices.rows[event_id])
        refusals = gate.refusals(row, lines, is_live=is_live, full=frozenset())
        expected.update(zip(row.lines["producer"].tolist(), map(Refusal, refusals.tolist()), strict=True))
    found = count_prices(feeds_of(read_feeds(SILENCE)), applied)
    counted = {
        (code, refusal): number for code, of in found.of_producers.items() for refusal, number in of.lines.items()
    }
    assert counted == dict(expected)
    assert len({refusal for _, refusal in counted}) >= 4
    assert Feed.objects.count() == 2
