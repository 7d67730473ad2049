"""Prices of a casino with parked or late messages close: at once if its database can be written to, else by silence.
Rows are really committed."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from ingestion.status.parked import drain_parked
from ingestion.tests.closing_messages import NOW
from ingestion.tests.database_outages import database_unavailable
from ingestion.tests.dead_letters.test_bounds import purge
from ingestion.tests.kafka_client import consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import event
from ingestion.tests.storing.test_odds import TOTALS, WINNER, odds
from ingestion.topics import EVENTS, ODDS
from recommendations.models import Feed
from recommendations.prices.feeds import FEEDS, decode_feeds
from recommendations.prices.refusals import Refusal
from tenants.routing.connections import query
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)

BAD = b"{"
BEAT: dict[str, Any] = {"producer": "LIVE", "heartbeat": True}
STATUSES = """
SELECT market || ' ' || line, producers.name, status FROM markets JOIN market_lines ON market_lines.id = line_id
JOIN producers ON code = producer
"""


@pytest.fixture(autouse=True)
def _full(broker, casino_a, casino_b, settings):
    """Casino A has as many dead letters as it may have; both casinos have the prices of an event."""
    settings.DEAD_LETTERS = 1
    settings.EVENT_HORIZON_DAYS = 36_500
    send(EVENTS, [(1, event(id=7)), (2, event(id=7))])
    consume(EVENTS, 2)
    another = odds(TOTALS | {"line": 3.5}, producer="PREMATCH")
    prices = [(casino, each) for casino in (1, 2) for each in (odds(TOTALS, WINNER), another)]
    send(ODDS, [(1, BAD), (1, BAD), *prices])
    consume(ODDS, 6)


def park(*messages: Any) -> None:
    """Send messages of casino A after an invalid one, and consume them: all are parked."""
    send(ODDS, [(1, BAD), *[(1, message) for message in messages]])
    assert consume(ODDS, 1 + len(messages)).counts == {(1, "parked"): 1 + len(messages)}


def closed(casino):
    with use_casino(casino.current):
        return {(name.strip(), producer) for name, producer, status in query(STATUSES) if status != "open"}


def refusal(casino, producer="LIVE"):
    """The reason against a producer of the casino, as each request reads it."""
    with use_casino(casino.current):
        [(column,)] = query(f"SELECT {FEEDS}")
    [found] = [each for each in decode_feeds(column).producers.values() if each.name == producer]
    return found.refusal(10)


LIVE = {("TOTALS 2.5", "LIVE"), ("1X2", "LIVE")}


@pytest.mark.covered
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"event_id": 7, "producer": "LIVE", "stop": True}, LIVE),
        ({"event_id": 7, "producer": "LIVE", "stop": ["1X2"]}, {("1X2", "LIVE")}),
        (odds(TOTALS | {"status": "suspended"}), {("TOTALS 2.5", "LIVE")}),
        (odds(TOTALS), {("TOTALS 2.5", "LIVE")}),
        (odds(TOTALS | {"outcomes": []}), {("TOTALS 2.5", "LIVE")}),
        (b'{"event_id": 7, "producer": "LIVE", "mark', LIVE | {("TOTALS 3.5", "PREMATCH")}),
        (odds(TOTALS, producer="PREMATCH"), set()),
        (odds(TOTALS, event_id=8), set()),
    ],
)
def test_what_a_parked_message_closes_or_replaces_closes_at_once(casino_a, casino_b, message, expected):
    park(message)
    assert closed(casino_a) == expected
    assert closed(casino_b) == set()


def test_a_parked_producer_is_down_at_once(casino_a, casino_b):
    park({"producer": "LIVE", "status": "down"})
    assert refusal(casino_a) is Refusal.FEED_CLOSED
    assert refusal(casino_a, "PREMATCH") is refusal(casino_b) is Refusal.OPEN


def test_the_markets_of_a_parked_event_close_what_they_replace(casino_a):
    send(EVENTS, [(1, BAD), (1, event(id=7, producer="LIVE", markets=[TOTALS]))])
    assert consume(EVENTS, 2).counts == {(1, "parked"): 2}
    assert closed(casino_a) == LIVE


@pytest.mark.covered
def test_in_the_end_all_is_stored_as_if_nothing_had_been_parked(casino_a, casino_b):
    messages = [
        odds(TOTALS, timestamp=NOW.timestamp()),
        {"event_id": 7, "producer": "LIVE", "stop": ["1X2"]},
        odds(TOTALS | {"line": 4.5}),
        {"producer": "LIVE", "status": "down"},
        BEAT,
        odds(TOTALS),
    ]
    send(ODDS, [(2, message) for message in messages])
    consume(ODDS, len(messages))
    park(*messages)
    assert {("TOTALS 2.5", "LIVE"), ("1X2", "LIVE")} == closed(casino_a)
    purge()
    assert drain_parked([ODDS]) == {"malformed": 1, "duplicate": 1, "stored": 5}  # the stop is stored already
    assert closed(casino_a) == closed(casino_b) == {("1X2", "LIVE")}
    assert refusal(casino_a) is refusal(casino_b) is Refusal.OPEN


@pytest.mark.covered
def test_a_parked_casino_closes_by_silence_while_its_database_is_unavailable(casino_a, casino_b):
    send(ODDS, [(1, BEAT), (2, BEAT)])
    consume(ODDS, 2)
    _pass(casino_a, casino_b, seconds=11)
    assert refusal(casino_a) is refusal(casino_b) is Refusal.FEED_SILENT
    with database_unavailable(casino_a):
        send(ODDS, [(1, BEAT), (2, BEAT)])
        assert consume(ODDS, 2).counts == {(1, "parked"): 1, (2, "stored"): 1}
    assert refusal(casino_a) is Refusal.FEED_SILENT
    assert refusal(casino_b) is Refusal.OPEN
    assert drain_parked([ODDS]) == {"stored": 1}
    assert refusal(casino_a) is Refusal.OPEN


def _pass(*casinos, seconds):
    """Move the feeds' times back by these seconds."""
    for casino in casinos:
        with use_casino(casino.current):
            Feed.objects.update(heard_at=F("heard_at") - timedelta(seconds=seconds))
