"""Markets in messages of events: complete, and stored with the event, which needs no odd of its own."""

from typing import Any

import pytest

from ingestion.tests.closing_messages import ago, event
from ingestion.topics import EVENTS
from recommendations.models import Event, Market
from tenants.routing.connections import query
from tenants.routing.context import use_casino

from .test_odds import OPEN, TOTALS, WINNER, WON, OddsFeed, odds

pytestmark = pytest.mark.slow

ID = 900_007
WITHOUT_ODD = {name: value for name, value in event(7).items() if name != "odd"}


def event_with(*markets: Any, **changes: Any) -> dict[str, Any]:
    return WITHOUT_ODD | {"producer": "LIVE", "markets": list(markets)} | changes


@pytest.fixture
def feed(casino_a):
    return OddsFeed(casino_a)


def stored(feed):
    event = feed.event(7)
    return event.odd, event.is_withheld, event.lacks_odd, event.offered_by


def is_offered(casino):
    with use_casino(casino.current):
        return query("SELECT offered_events_2(now())::json -> 1")[0][0] == [ID]


def test_an_event_with_markets_needs_no_odd(feed, casino_a):
    assert feed.events(event_with(TOTALS, WINNER)) == ["stored"]
    assert feed.markets(ID) == {"TOTALS 2.5": OPEN, "1X2": WON}
    assert stored(feed) == (None, True, True, 1)
    assert is_offered(casino_a)


def test_an_event_may_have_both(feed):
    assert feed.events(event_with(TOTALS, odd=2.5)) == ["stored"]
    assert stored(feed) == (2.5, False, False, 1)


def test_markets_that_it_leaves_out_are_closed_but_for_those_of_others(feed):
    feed.events(event_with(TOTALS, WINNER))
    feed.odds(odds(TOTALS | {"line": 3.5}, event_id=ID, producer="PREMATCH"))
    assert feed.events(event_with(WINNER)) == ["updated"]
    assert feed.markets(ID) == {"TOTALS 2.5": "closed", "1X2": WON, "TOTALS 3.5": OPEN}
    assert feed.events(event_with()) == ["updated"]
    assert feed.markets(ID) == {"TOTALS 2.5": "closed", "1X2": "closed", "TOTALS 3.5": OPEN}


def test_a_partial_message_may_tell_markets_alone(feed):
    feed.events(event_with(TOTALS))
    assert feed.events({"id": ID, "producer": "LIVE", "markets": [WINNER]}) == ["updated"]
    assert feed.markets(ID) == {"TOTALS 2.5": "closed", "1X2": WON}


def test_a_message_without_markets_leaves_them(feed):
    feed.events(event_with(TOTALS))
    feed.events({"id": ID, "status": "live"})
    assert feed.markets(ID) == {"TOTALS 2.5": OPEN}
    assert stored(feed)[3] == 1


def test_odds_before_their_event_count_once_it_comes(feed, casino_a):
    feed.odds(odds(TOTALS, event_id=ID))
    assert not is_offered(casino_a)
    assert feed.events(WITHOUT_ODD) == ["stored"]
    assert stored(feed) == (None, True, True, 1)
    assert is_offered(casino_a)


def test_what_cannot_be_read_closes_the_event_until_the_next_message_with_markets(feed, casino_a):
    feed.events(event_with(TOTALS))
    assert feed.events({"id": ID, "begin_timestamp": "soon"}) == ["wrong_type"]
    assert not is_offered(casino_a)
    feed.events(event_with(TOTALS))
    assert is_offered(casino_a)


def test_a_market_that_cannot_be_read_is_reported_with_its_place_and_the_rest_is_stored(feed):
    results = feed.send(EVENTS, [event_with(WINNER, TOTALS | {"outcomes": [{"outcome": "OVER", "odd": "x"}]}, odd=2)])
    [(outcome, rejection)] = [(each.outcome, each.rejection) for each in results]
    assert (outcome, rejection.code, rejection.field) == ("stored_in_part", "wrong_type", "markets[1].outcomes[0].odd")
    assert feed.markets(ID) == {"1X2": WON, "TOTALS 2.5": {"OVER": 0}}


def test_markets_without_a_producer_are_refused_and_withhold_the_event(feed, casino_a):
    feed.events(event_with(TOTALS))
    results = feed.send(EVENTS, [WITHOUT_ODD | {"markets": [WINNER]}, event(7) | {"markets": []}])
    assert [each.rejection.field for each in results] == ["producer"] * 2
    assert not is_offered(casino_a)


def test_a_removed_event_takes_its_markets_with_it(feed, casino_a):
    feed.events(event_with(TOTALS), event(8, producer="LIVE", markets=[WINNER]))
    feed.send(EVENTS, [None], keys=[str(ID).encode()])
    with use_casino(casino_a.current):
        assert set(Market.objects.values_list("event_id", flat=True)) == {900_008}


def test_an_event_without_an_id_may_have_markets(feed, casino_a):
    message = {name: value for name, value in event_with(TOTALS).items() if name != "id"}
    assert feed.events(message, message | {"markets": [WINNER]}, message) == ["stored", "updated", "updated"]
    with use_casino(casino_a.current):
        [row] = Event.objects.all()
    assert feed.markets(row.id) == {"TOTALS 2.5": OPEN, "1X2": "closed"}


def test_an_older_message_changes_no_market(feed):
    feed.events(event_with(TOTALS, timestamp=ago(hours=2)))
    feed.events(event_with(WINNER, timestamp=ago(hours=3)))
    assert feed.markets(ID) == {"TOTALS 2.5": OPEN, "1X2": "closed"}


def test_events_without_markets_ask_no_more_of_the_database(feed, casino_a):
    feed.events(event(7))
    assert stored(feed) == (2.5, False, False, None)
    with use_casino(casino_a.current):
        assert not Market.objects.exists()
