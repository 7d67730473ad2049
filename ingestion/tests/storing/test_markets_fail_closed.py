"""Each rule by which prices close, from the message to the response; and replays, which change no newer price."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.messages.results import MessageResult
from ingestion.tests.closing_messages import NOW, event
from ingestion.topics import ODDS
from recommendations.serving.options import Options
from recommendations.storing import store_users
from recommendations.tests.factories import user_row
from recommendations.tests.recommend import recommend
from tenants.routing.connections import execute, query
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

from .test_odds import OddsFeed

pytestmark = [pytest.mark.slow, pytest.mark.covered]

FIRST, SECOND, THIRD = 900_001, 900_002, 900_003
ALL = {FIRST: "OVER", SECOND: "OVER", THIRD: "OVER"}
BEGAN = NOW - timedelta(minutes=30)
ROWS = (
    "SELECT event_id, market, line, outcomes, odds, producer, status, as_of FROM markets JOIN market_lines "
    "ON id = line_id ORDER BY 1, 2, 3",
    "SELECT event_id, producer, scope, as_of, status FROM market_stops ORDER BY 1, 2, 3",
    "SELECT producer, partition, heard_at, valid_since FROM feeds ORDER BY 1, 2",
)


def totals(**changes: Any) -> dict[str, Any]:
    """A market with one open outcome."""
    outcomes = [{"outcome": "OVER", "odd": 2.05}, {"outcome": "UNDER", "odd": None}]
    return {"market": "TOTALS", "line": 2.5, "outcomes": outcomes} | changes


def over(**changes: Any) -> dict[str, Any]:
    return totals(outcomes=[{"outcome": "OVER", "odd": 2.05} | changes])


def prices(*markets: Any, number: int = FIRST, **fields: Any) -> dict[str, Any]:
    return {"event_id": number, "producer": "LIVE", "markets": list(markets)} | fields


class ServedFeed(OddsFeed):
    def served(self) -> dict[int, str]:
        """Event -> outcome, of a response with all events that can be bet on."""
        options = Options(event_limit=20)
        with use_casino(self._casino.current):
            slip = recommend(casino_id=1, recommender_type="soonest", user_id=1, now=NOW, options=options)
        return {each.event_id: each.outcome for each in slip.recommended_events}

    def rows(self) -> list[Any]:
        with use_casino(self._casino.current):
            return [query(sql) for sql in ROWS]


@pytest.fixture
def feed(casino_a):
    """Two events of the producer LIVE, and one of EARLY, each with one open outcome."""
    feed = ServedFeed(casino_a)
    with use_casino(casino_a.current):
        store_users([user_row(id=1)])
    feed.events(*[event(number, odd=None, producer="EARLY", markets=[]) for number in (1, 2, 3)], at=BEGAN)
    feed.odds(prices(totals()), prices(totals(), number=SECOND), at=BEGAN)
    feed.odds(prices(totals(), number=THIRD, producer="EARLY"), at=BEGAN)
    return feed


def test_all_that_is_open_is_served(feed):
    assert feed.served() == ALL


NOT_FIRST = {SECOND: "OVER", THIRD: "OVER"}
CLOSING: list[tuple[str, Any, bytes | None, dict[int, str]]] = [
    ("a: no odd", prices(over(odd=None)), None, NOT_FIRST),
    ("a: a missing odd", prices(totals(outcomes=[{"outcome": "OVER"}])), None, NOT_FIRST),
    ("a: no number", prices(over(odd="two")), None, NOT_FIRST),
    ("a: an odd of 1", prices(over(odd=1)), None, NOT_FIRST),
    ("a: an odd above the highest", prices(over(odd=1_000_000)), None, NOT_FIRST),
    ("a: a suspended outcome", prices(over(status="suspended")), None, NOT_FIRST),
    ("a: an unknown status of an outcome", prices(over(status="perhaps")), None, NOT_FIRST),
    ("a: an unknown status of a market", prices(totals(status="perhaps")), None, NOT_FIRST),
    ("a: an outcome that is left out", prices(totals(outcomes=[{"outcome": "UNDER", "odd": 0}])), None, NOT_FIRST),
    ("b: no outcomes", prices(totals(outcomes=[])), None, NOT_FIRST),
    ("b: two outcomes alike", prices(totals(outcomes=[{"outcome": "OVER", "odd": 2}] * 2)), None, NOT_FIRST),
    ("b: a market without a name", prices({"line": 9, "outcomes": []}), None, NOT_FIRST),
    ("c: the rest is stored", prices(totals(outcomes=[]), totals(line=3.5)), None, ALL),
    ("d: unreadable, its event in the key", b"{", str(FIRST).encode(), NOT_FIRST),
    ("d: unreadable, its event in the value", {"event_id": FIRST, "markets": 7}, None, NOT_FIRST),
    ("d: unreadable, of no event: all of the partition", b"{", None, {}),
    ("e: a later message", prices(totals(status="suspended"), timestamp=NOW.isoformat()), None, NOT_FIRST),
    ("e: an earlier message", prices(totals(status="suspended"), timestamp=1_577_836_800_000), None, ALL),
    ("f: a stop of its own", {"event_id": FIRST, "producer": "LIVE", "stop": True}, None, NOT_FIRST),
    ("f: a stop of another producer", {"event_id": FIRST, "producer": "EARLY", "stop": True}, None, ALL),
    ("g: prices before their event", prices(totals(), number=900_009), None, ALL),
]


@pytest.mark.parametrize(
    ("message", "key", "open_ones"), [each[1:] for each in CLOSING], ids=[each[0] for each in CLOSING]
)
def test_what_closes_is_not_served(feed, message, key, open_ones):
    feed.send(ODDS, [message], keys=[key], at=NOW - timedelta(minutes=5))
    assert feed.served() == open_ones


def test_prices_that_came_before_their_event_are_served_once_it_is_there(feed):
    feed.odds(prices(totals(), number=900_009), at=BEGAN)
    feed.events(event(9, odd=None, producer="EARLY", markets=[]), at=BEGAN)
    assert feed.served() == ALL | {900_009: "OVER"}


MESSAGES = st.sampled_from([
    prices(totals()), prices(over(odd=None)), prices(over(odd="?")), prices(totals(outcomes=[]), totals(line=3.5)),
    prices(totals(), number=SECOND), prices(totals(), producer="EARLY"), prices({"line": 9, "outcomes": []}),
    {"event_id": FIRST, "producer": "LIVE", "stop": True}, {"event_id": FIRST, "producer": "EARLY", "stop": ["TOTALS"]},
    {"event_id": FIRST, "markets": 7}, b"{", {"producer": "LIVE", "heartbeat": {"complete": False}},
])  # fmt: skip
SENT = st.tuples(MESSAGES, st.integers(1, 40))  # at this second


@pytest.mark.hypothesis
@settings(max_examples=scaled(25, 60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(messages=st.lists(SENT, min_size=1, max_size=10, unique_by=lambda each: each[1]), rng=st.randoms())
def test_replayed_dead_letters_change_nothing_newer(casino_a, messages, rng):
    """i: sent again with the time of their first sending, as a replay does, some more than once, in any order."""
    feed = ServedFeed(casino_a)
    with use_casino(casino_a.current):
        execute("TRUNCATE markets, market_stops, producers, feeds, ingestion_offsets")
    # producers and partitions are known: a message that names neither closes those that were heard
    for name in ("LIVE", "EARLY"):
        feed.odds({"producer": name, "heartbeat": {"complete": True}}, at=BEGAN)
    results = [_send(feed, value, second) for value, second in messages]
    before = feed.rows()
    dead = [each for each, result in zip(messages, results, strict=True) if result.rejection is not None]
    for value, second in rng.sample(dead * 2, len(dead) * 2):
        _send(feed, value, second)
    assert feed.rows() == before


def _send(feed: ServedFeed, value: Any, second: int) -> MessageResult:
    [result] = feed.send(ODDS, [value], keys=[b""], at=BEGAN + timedelta(seconds=second))
    return result
