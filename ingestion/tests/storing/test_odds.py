"""Messages of the topic `odds`, through decoding and storing: unreadable parts close, and the rest is stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingestion.tests.closing_messages import NOW, Feed, ago
from ingestion.topics import ODDS
from recommendations.models import Feed as StoredFeed
from recommendations.models import Market, Producer
from recommendations.prices.feeds import FEEDS, decode_feeds
from recommendations.prices.refusals import Refusal
from tenants.routing.connections import query
from tenants.routing.context import use_casino

STORED = """
SELECT market || ' ' || line, outcomes, odds, status FROM markets JOIN market_lines ON market_lines.id = line_id
WHERE event_id = %s
"""
TOTALS: dict[str, Any] = {
    "market": "TOTALS",
    "line": 2.5,
    "outcomes": [{"outcome": "OVER", "odd": 2.05}, {"outcome": "UNDER", "odd": 1.78}],
}
WINNER = {"market": "1X2", "outcomes": [{"outcome": each, "odd": 3} for each in ("HOME", "DRAW", "AWAY")]}


def odds(*markets: Any, **fields: Any) -> dict[str, Any]:
    return {"event_id": 7, "producer": "LIVE", "markets": list(markets)} | fields


def totals(**changes: Any) -> dict[str, Any]:
    return TOTALS | changes


def over(**changes: Any) -> dict[str, Any]:
    return totals(outcomes=[{"outcome": "OVER", "odd": 2.05} | changes, {"outcome": "UNDER", "odd": 1.78}])


class OddsFeed(Feed):
    def odds(self, *values: Any, **changes: Any) -> list[str]:
        return [result.outcome for result in self.send(ODDS, values, **changes)]

    def faults(self, *values: Any, **changes: Any) -> list[tuple[str, str]]:
        results = self.send(ODDS, values, **changes)
        return [(each.rejection.code, each.rejection.field) for each in results if each.rejection is not None]

    def markets(self, event: int = 7) -> dict[str, Any]:
        """Odds by outcome of the open markets; the status of others."""
        with use_casino(self._casino.current):
            return {
                name.strip(): dict(zip(outcomes, prices, strict=True)) if status == "open" else status
                for name, outcomes, prices, status in query(STORED, [event])
            }


@pytest.fixture
def feed(casino_a):
    feed = OddsFeed(casino_a)
    feed.odds(odds(totals(), WINNER))
    return feed


OPEN = {"OVER": 2050, "UNDER": 1780}
WON = dict.fromkeys(("HOME", "DRAW", "AWAY"), 3000)


def test_prices_are_stored_and_what_a_message_leaves_out_stays(feed):
    assert feed.markets() == {"TOTALS 2.5": OPEN, "1X2": WON}
    assert feed.odds(odds(over(odd="1.9"))) == ["stored"]
    assert feed.markets() == {"TOTALS 2.5": OPEN | {"OVER": 1900}, "1X2": WON}


@pytest.mark.covered
@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"odd": None}, None), ({"odd": 1}, None), ({"odd": 0.5}, None), ({"odd": "OTB"}, None),
        ({"status": "suspended"}, None), ({"odd": "two"}, "wrong_type"), ({"odd": 1_000_000}, "out_of_range"),
        ({"odd": []}, "wrong_type"), ({"status": "perhaps"}, "unknown_value"),
    ],
)  # fmt: skip
def test_an_outcome_without_a_usable_price_is_closed_alone(feed, changes, fault):
    result = feed.faults(odds(WINNER, over(**changes)))
    field = "status" if "status" in changes else "odd"
    assert result == ([(fault, f"markets[1].outcomes[0].{field}")] if fault else [])
    assert feed.markets() == {"TOTALS 2.5": {"OVER": 0, "UNDER": 1780}, "1X2": WON}


@pytest.mark.parametrize(
    ("market", "code"),
    [
        (totals(outcomes=[]), "missing"), (totals(outcomes=[TOTALS["outcomes"][0]] * 2), "inconsistent"),
        (totals(outcomes=[{"outcome": str(number), "odd": 2} for number in range(201)]), "too_many"),
        (totals(outcomes=[{"outcome": "\x00", "odd": 2}]), "bad_text"), (totals(outcomes={}), "wrong_type"),
        (totals(status=7), "wrong_type"), (totals(outcomes=[{"odd": 2}]), "missing"),
    ],
)  # fmt: skip
def test_a_market_that_cannot_be_read_is_closed_whole_and_the_others_are_stored(feed, market, code):
    results = feed.send(ODDS, [odds(WINNER | {"outcomes": [{"outcome": "HOME", "odd": 2}]}, market)])
    assert [(each.outcome, each.rejection.code) for each in results] == [("stored_in_part", code)]
    assert results[0].rejection.field.startswith("markets[1].")
    assert feed.markets() == {"TOTALS 2.5": "suspended", "1X2": {"HOME": 2000}}


@pytest.mark.parametrize("status", ["closed", "suspended", "settled", "cancelled"])
@pytest.mark.parametrize("outcomes", [{}, {"outcomes": []}])
def test_a_market_that_is_not_open_needs_no_outcomes(feed, status, outcomes):
    assert feed.odds(odds({"market": "totals", "line": "2.50", "status": status} | outcomes)) == ["stored"]
    assert feed.markets() == {"TOTALS 2.5": status, "1X2": WON}


@pytest.mark.parametrize("again", [totals(), totals(market="totals", line="2.50"), totals(status="open")])
def test_a_market_line_that_is_in_a_message_twice_is_closed(feed, again):
    assert feed.faults(odds(over(odd=3), again)) == [("inconsistent", "markets[1].market")]
    assert feed.markets() == {"TOTALS 2.5": "suspended", "1X2": WON}


@pytest.mark.parametrize("market", [totals(market=[]), {"outcomes": []}, 7, totals(line=[]), totals(market="X" * 101)])
def test_an_unnamed_market_that_cannot_be_read_closes_all_of_its_producer(feed, market):
    feed.odds(odds(totals(line=3.5), producer="PREMATCH"))
    assert feed.odds(odds(market, WINNER)) == ["stored_in_part"]
    assert feed.markets() == {"TOTALS 2.5": "suspended", "1X2": "suspended", "TOTALS 3.5": OPEN}


def test_too_many_markets_close_the_event(feed):
    assert feed.faults(odds(*[totals(line=number) for number in range(2_001)])) == [("too_many", "markets")]
    assert set(feed.markets().values()) == {"suspended"}


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b'{"event_id": 7, "producer": "LIVE", "markets": [', b"7"), (b"\xff\xfe", b"7"), ({"event_id": 7}, None),
        ({"event_id": 7, "producer": "LIVE"}, None), (odds(WINNER, timestamp="never"), None),
        ({"producer": "LIVE", "markets": [WINNER]}, b"7"), (odds(WINNER, odd_format="odd"), None),
        (odds(stop={}), None), (b"x" * 2_000_000, b"7"), (None, b"7"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_closes_the_event_that_it_or_its_key_names(feed, value, key):
    feed.odds(odds(totals(line=3.5), producer="PREMATCH"), odds(WINNER, event_id=8))
    feed.send(ODDS, [value], keys=[key])
    assert feed.markets() == dict.fromkeys(("TOTALS 2.5", "1X2", "TOTALS 3.5"), "suspended")
    assert feed.markets(8) == {"1X2": WON}


def test_what_names_no_event_makes_the_partitions_older_prices_invalid(feed, casino_a):
    feed.odds(b"{", at=NOW)
    with use_casino(casino_a.current):
        assert abs(StoredFeed.objects.get().valid_since - NOW) < timedelta(milliseconds=2)


def test_a_stop_suspends_all_markets_or_those_that_it_names(feed):
    assert feed.odds({"event_id": 7, "producer": "LIVE", "stop": ["totals"]}) == ["stored"]
    assert feed.markets() == {"TOTALS 2.5": "suspended", "1X2": WON}
    assert feed.odds({"event_id": 7, "producer": "LIVE", "stop": True}) == ["stored"]
    assert feed.markets() == dict.fromkeys(("TOTALS 2.5", "1X2"), "suspended")
    feed.odds(odds(TOTALS))
    assert feed.markets()["TOTALS 2.5"] == OPEN


def test_who_closes_closes_only_its_own(feed):
    feed.odds(odds(TOTALS, producer="PREMATCH"), {"event_id": 7, "producer": "LIVE", "stop": True})
    assert feed.markets() == {"TOTALS 2.5": OPEN, "1X2": "suspended"}


def test_the_latest_timestamp_counts_and_none_is_ahead(feed):
    feed.odds(odds(over(odd=5), timestamp=ago(minutes=-30)), odds(over(odd=6)))
    assert feed.markets()["TOTALS 2.5"]["OVER"] == 6000
    assert feed.odds(odds(over(odd=7), timestamp=ago(hours=2))) == ["stale"]


def test_a_replay_changes_nothing_newer(feed, casino_a):
    at = NOW - timedelta(minutes=50)
    feed.odds(odds(over(odd="?"), WINNER), at=at)
    feed.odds(odds(over(odd=3)), at=at + timedelta(seconds=5))
    before = feed.markets()
    assert feed.odds(odds(over(odd="?"), WINNER), at=at) == ["stored_in_part"]
    assert feed.markets() == before


def test_heartbeats_are_heard_by_partition_and_a_gap_in_their_sending_makes_older_prices_invalid(casino_a):
    feed = OddsFeed(casino_a)
    beat = {"producer": "LIVE", "heartbeat": {"complete": True}}
    start = NOW - timedelta(minutes=10)
    for seconds in (0, 9, 18, 40, 45):
        assert feed.odds(beat, at=start + timedelta(seconds=seconds)) == ["stored"]
    with use_casino(casino_a.current):
        stored = StoredFeed.objects.get()
        assert (stored.partition, stored.beats) == (0, 5)
        assert abs(stored.heard_at - start - timedelta(seconds=45)) < timedelta(milliseconds=2)
        assert abs(stored.valid_since - start - timedelta(seconds=40)) < timedelta(milliseconds=2)
        assert Producer.objects.get().sends_heartbeats


def refusal(silence_seconds=10.0):
    """The reason against the current casino's only producer, as each request reads it."""
    [(column,)] = query(f"SELECT {FEEDS}")
    [found] = decode_feeds(column).producers.values()
    return found.refusal(silence_seconds)


def test_a_casino_whose_messages_come_late_closes_by_silence(feed, casino_a):
    def sent(seconds_ago):
        feed.odds({"producer": "LIVE", "heartbeat": True}, at=NOW - timedelta(seconds=seconds_ago))
        with use_casino(casino_a.current):
            return refusal((datetime.now(UTC) - NOW).total_seconds() + 10)

    assert [sent(60), sent(15), sent(5)] == [Refusal.FEED_SILENT, Refusal.FEED_SILENT, Refusal.OPEN]


def test_the_feed_of_a_producer_without_heartbeats_is_never_silent(feed, casino_a):
    with use_casino(casino_a.current):
        StoredFeed.objects.update(heard_at=NOW - timedelta(days=1))
        assert refusal() is Refusal.OPEN


def test_a_casino_says_how_long_a_silence_is(casino_a):
    feed = OddsFeed(casino_a)
    feed.configure(feed_silence_seconds=30)
    for seconds in (0, 29):
        feed.odds({"producer": "LIVE", "heartbeat": True}, at=NOW - timedelta(minutes=5, seconds=-seconds))
    with use_casino(casino_a.current):
        assert StoredFeed.objects.get().valid_since.year == 2000


def test_an_incomplete_heartbeat_makes_older_prices_invalid(feed, casino_a):
    feed.odds({"producer": "LIVE", "heartbeat": {"complete": False}}, at=NOW)
    with use_casino(casino_a.current):
        assert abs(StoredFeed.objects.get().valid_since - NOW) < timedelta(milliseconds=2)


def test_a_producer_is_down_until_its_next_heartbeat(feed, casino_a):
    states = []
    for value in (
        {"status": "down"},
        {"heartbeat": True},
        {"status": "down"},
        {"event_id": 7, "stop": True},
        {"status": "up"},
    ):
        assert feed.odds({"producer": "LIVE"} | value) == ["stored"]
        with use_casino(casino_a.current):
            states.append(Producer.objects.get().is_down)
    assert states == [True, False, True, True, False]


def test_only_prices_that_are_sent_after_a_producer_is_up_again_count(feed, casino_a):
    feed.odds({"producer": "LIVE", "status": "down"}, odds(WINNER), at=NOW - timedelta(seconds=9))
    feed.odds({"producer": "LIVE", "heartbeat": True}, at=NOW)
    with use_casino(casino_a.current):
        assert abs(StoredFeed.objects.get().valid_since - NOW) < timedelta(milliseconds=2)


def test_a_heartbeat_from_before_a_producer_went_down_that_arrives_later_leaves_it_down(casino_a):
    feed = OddsFeed(casino_a)
    for value, seconds in (({"heartbeat": True}, 0), ({"status": "down"}, 9), ({"heartbeat": True}, 5)):
        feed.odds({"producer": "LIVE"} | value, at=NOW - timedelta(minutes=5, seconds=-seconds))
    with use_casino(casino_a.current):
        assert Producer.objects.get().is_down


def test_a_producer_without_heartbeats_may_have_nothing_to_say_for_a_while(feed, casino_a):
    for minutes in (30, 20):
        feed.odds(odds(WINNER), at=NOW - timedelta(minutes=minutes))
    with use_casino(casino_a.current):
        assert StoredFeed.objects.get().valid_since.year == 2000


def test_an_unknown_status_of_a_producer_is_rejected_and_closes(feed, casino_a):
    assert feed.faults({"producer": "LIVE", "status": "tired"}) == [("unknown_value", "status")]
    with use_casino(casino_a.current):
        assert StoredFeed.objects.get().valid_since.year > 2000


def test_two_casinos_have_their_own_prices(feed, casino_b):
    other = OddsFeed(casino_b)
    other.odds(odds(over(odd=9)))
    assert feed.markets()["TOTALS 2.5"] == OPEN
    assert other.markets() == {"TOTALS 2.5": {"OVER": 9000, "UNDER": 1780}}
    with use_casino(casino_b.current):
        assert Market.objects.count() == 1
