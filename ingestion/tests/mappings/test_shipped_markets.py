"""Each shipped mapping of markets, with made-up documents in the shape of its feed, through validation into rows."""

from datetime import UTC, datetime
from typing import Any

import pytest

from recommendations.models import Event, User
from recommendations.models import Feed as StoredFeed
from recommendations.tests.factories import UserFactory
from recommendations.tests.recommend import recommend
from tenants.models import Casino
from tenants.routing.context import use_casino

from .shipped_feed import ShippedFeed

pytestmark = [pytest.mark.slow, pytest.mark.covered]

UOF = "sportradar-uof-markets"


@pytest.fixture
def feed(casino_a, settings):
    settings.EVENT_HORIZON_DAYS = 36_500
    return ShippedFeed(casino_a)


def uof(feed: ShippedFeed, name: str, *edits: tuple[str, str]) -> str:
    [outcome] = feed.send(UOF, f"sportradar_uof/{name}.xml", *edits)
    return outcome


UOF_MARKETS: dict[str, Any] = {
    "1": {"1": 4.65, "2": 3.3, "3": 1.85},
    "18 2.5": {"12": 1.9},
    "18 3.5": "suspended",
    "16 -0.25": {"1714": 2.02, "1715": 1.8},
    "14 0:1": {"1711": 9.5, "1712": 5.2, "1713": 1.22},
    "921|PLAYER=SR:PLAYER:7 20.5": {"12": 1.95, "13": 1.75},
}


def test_the_markets_of_an_odds_change(feed):
    assert uof(feed, "odds_change") == "stored"
    assert feed.markets() == UOF_MARKETS
    assert uof(feed, "odds_change") == "duplicate"


CLOSED = [("0", "closed"), ("-1", "suspended"), ("-2", "suspended"), ("-3", "settled"), ("-4", "cancelled")]


@pytest.mark.parametrize(("code", "status"), CLOSED)
def test_a_market_that_is_not_active_closes_also_without_outcomes(feed, code, status):
    uof(feed, "odds_change")
    later = ("1748779205000", "1748779206000")
    moved = ('<market id="16" specifiers="hcp=-0.25" status="1">', '<market id="26" status="1">')
    alone = ('<market id="29" status="0"/>', f'<market id="16" specifiers="hcp=-0.25" status="{code}"/>')
    assert uof(feed, "odds_change", later, moved, alone) == "stored"
    assert feed.markets()["16 -0.25"] == status


@pytest.mark.parametrize("status", ["2", "-5", "", "ACTIVE", "1.0"])
def test_a_status_that_is_no_known_one_closes_its_market_and_is_reported(feed, status):
    edit = ('specifiers="hcp=0:1" status="1"', f'specifiers="hcp=0:1" status="{status}"')
    outcome = uof(feed, "odds_change", edit)
    others = {name: prices for name, prices in UOF_MARKETS.items() if name != "14 0:1"}
    assert feed.markets() == (others if status else others | {"14 0:1": "closed"})
    problem = "markets[4].status: the value is none of the codes of codes"
    assert (outcome, feed.problem) == (("stored_in_part", problem) if status else ("stored", ""))


def test_a_status_that_is_left_out_closes(feed):
    uof(feed, "odds_change", (' status="1" cashout_status="1"', ""), ('odds="1.9" active="1"', 'odds="1.9"'))
    assert feed.markets() == UOF_MARKETS | {"1": "closed", "18 2.5": {}}


def test_messages_without_markets_change_nothing(feed):
    uof(feed, "odds_change")
    assert [uof(feed, each) for each in ("score_only", "fixture_change")] == ["duplicate", "empty"]
    assert feed.markets() == UOF_MARKETS


def test_a_bet_stop_suspends_the_event_and_the_next_prices_open_it(feed):
    uof(feed, "odds_change")
    for groups in ('groups="all"', 'groups="score"', ""):
        assert uof(feed, "bet_stop", (' groups="all"', f" {groups}")) in ("stored", "duplicate")
        assert set(feed.markets().values()) == {"suspended"}
    assert uof(feed, "odds_change", ("1748779205000", "1748779208000")) == "stored"
    assert feed.markets() == UOF_MARKETS


def bets(casino: Casino) -> list[tuple[str, str, str, float]]:
    """The recommended bets: market, line, outcome and odd."""
    now = datetime.now(UTC)
    with use_casino(casino.current):
        UserFactory.create(id=1)
        found = recommend(casino_id=casino.pk, recommender_type="static", user_id=1, now=now).recommended_events
        User.objects.all().delete()
    return [(each.market, each.line, each.outcome, each.odd) for each in found]


def test_what_is_open_in_a_feed_is_recommended_and_nothing_else(feed, casino_a):
    feed.send("sportradar-uof-fixture", "sportradar_uof_fixture.xml")
    assert bets(casino_a) == []
    uof(feed, "odds_change")
    [(market, line, outcome, odd)] = bets(casino_a)
    assert UOF_MARKETS[f"{market} {line}".strip()][outcome] == odd
    uof(feed, "bet_stop")
    assert bets(casino_a) == []


def test_what_is_open_in_an_answer_is_recommended_and_nothing_else(feed, casino_a):
    feed.send("the-odds-api-markets", "the_odds_api_markets.json")
    [(market, line, outcome, odd)] = bets(casino_a)
    assert feed.markets()[f"{market} {line}".strip()][outcome] == odd
    feed.send("the-odds-api-markets", "the_odds_api_markets.json", ('"bookmakers"', '"no"'))
    assert bets(casino_a) == []


def test_the_stop_of_one_producer_leaves_the_markets_of_another(feed):
    uof(feed, "odds_change")
    uof(feed, "bet_stop", ('product="1"', 'product="3"'))
    assert feed.markets() == UOF_MARKETS


def test_settled_and_cancelled_markets_close(feed):
    uof(feed, "odds_change")
    assert [uof(feed, each) for each in ("bet_settlement", "bet_cancel")] == ["stored", "stored"]
    assert feed.markets() == UOF_MARKETS | {"18 2.5": "closed", "16 -0.25": "closed"}


def test_alive_is_a_heartbeat_that_loses_prices_without_a_subscription(feed, casino_a):
    uof(feed, "odds_change")
    assert uof(feed, "alive") == "stored"
    with use_casino(casino_a.current):
        before = StoredFeed.objects.get()
        assert before.beats
    assert uof(feed, "alive", ('subscribed="1"', 'subscribed="0"')) == "stored"
    with use_casino(casino_a.current):
        assert StoredFeed.objects.get().valid_since > before.valid_since


def test_an_alive_that_can_not_be_read_loses_prices_too(feed, casino_a):
    uof(feed, "alive")
    with use_casino(casino_a.current):
        before = StoredFeed.objects.get()
    assert uof(feed, "alive", ('subscribed="1"', 'subscribed="?"')) == "unmapped"
    assert feed.problem == "heartbeat.complete: the value is none of the codes of codes"
    with use_casino(casino_a.current):
        assert StoredFeed.objects.get().valid_since > before.valid_since


@pytest.mark.parametrize("document", [b"<no_such_message/>", b"<odds_change", b"\xff"])
def test_an_unknown_message_closes_the_event_of_its_key(feed, document):
    uof(feed, "odds_change")
    assert feed.send_document(UOF, document, key=b"sr:match:4000") in ("unmapped", "malformed")
    assert set(feed.markets().values()) == {"suspended"}


def test_the_odds_api(feed, casino_a):
    assert feed.send("the-odds-api-markets", "the_odds_api_markets.json") == ["stored"]
    assert feed.markets() == {
        "H2H": {"HOME": 2.15, "DRAW": 15, "AWAY": 2.9},
        "SPREADS -1.5": {"HOME": 1.87, "AWAY": 1.95},
        "TOTALS 220.5": {"OVER": 1.91, "UNDER": 1.91},
    }
    moved = ('"price": 1.91, "point": 220.5}, {', '"price": 1.91, "point": 221.5}, {'), ("2.15", "1")
    assert feed.send("the-odds-api-markets", "the_odds_api_markets.json", *moved) == ["updated"]
    assert feed.markets() == {
        "H2H": {"DRAW": 15, "AWAY": 2.9},
        "SPREADS -1.5": {"HOME": 1.87, "AWAY": 1.95},
        "TOTALS 220.5": {"UNDER": 1.91},
        "TOTALS 221.5": {"OVER": 1.91},
    }
    assert feed.send("the-odds-api-markets", "the_odds_api_markets.json", ('"bookmakers"', '"no"')) == ["updated"]
    assert set(feed.markets().values()) == {"closed"}


def test_a_document_is_stored_in_part_if_one_of_its_events_is(feed):
    assert feed.send("the-odds-api-markets", "the_odds_api_markets.json", ("1.87", '"two"')) == ["stored_in_part"]
    problem = "1 of the 2 items of the document are stored in part; one of them: markets[1].outcomes[0].odd: "
    assert feed.problem.startswith(problem)
    assert feed.markets()["SPREADS -1.5"] == {"AWAY": 1.95}


def test_a_team_of_another_name_has_no_price(feed):
    feed.send("the-odds-api-markets", "the_odds_api_markets.json", ('"name": "Town 0"', '"name": "Town"'))
    assert feed.markets()["H2H"] == {"DRAW": 15, "AWAY": 2.9}


def test_api_football(feed):
    assert feed.send("api-football", "api_football.json") == ["stored"]
    assert feed.send("api-football-markets", "api_football_markets.json") == ["updated"]
    assert feed.markets() == {
        "MATCH WINNER": {"HOME": 2.1, "DRAW": 3.4, "AWAY": 3.5},
        "GOALS OVER/UNDER 2.5": {"OVER": 1.9, "UNDER": 1.85},
        "GOALS OVER/UNDER 3.5": {"OVER": 3.2, "UNDER": 1.33},
        "ASIAN HANDICAP -1.5": {"HOME": 3.1, "AWAY": 1.34},
        "ASIAN HANDICAP 0": {"HOME": 1.5, "AWAY": 2.5},
        "EXACT SCORE": {"1:0": 7.5, "0:0": 9},
    }
    feed.send("api-football-markets", "api_football_markets.json", ('"bookmakers": [', '"no": ['))
    assert set(feed.markets().values()) == {"closed"}


LIVE = {
    "FULLTIME RESULT": {"HOME": 1.3, "DRAW": 4.5},
    "ASIAN HANDICAP -0.25": {"HOME": 4, "AWAY": 1.21},
    "ASIAN HANDICAP 0": {"HOME": 2, "AWAY": 1.8},
    "OVER/UNDER LINE 2.75": {"OVER": 1.975, "UNDER": 1.875},
}


def test_api_football_in_play(feed):
    feed.send("api-football", "api_football.json")
    assert feed.send("api-football-live-markets", "api_football_live_odds.json") == ["updated"]
    assert feed.markets() == LIVE


@pytest.mark.parametrize("field", ["stopped", "blocked", "finished"])
@pytest.mark.parametrize("value", ["true", "null", '"false"', "0"])
def test_a_stopped_fixture_has_no_prices(feed, field, value):
    feed.send("api-football", "api_football.json")
    feed.send("api-football-live-markets", "api_football_live_odds.json")
    edit = (f'"{field}": false', f'"{field}": {value}')
    assert feed.send("api-football-live-markets", "api_football_live_odds.json", edit) == ["updated"]
    assert set(feed.markets().values()) == {"closed"}


def test_a_price_without_its_flag_is_closed(feed):
    feed.send("api-football", "api_football.json")
    edit = ('"main": null, "suspended": false', '"main": null')
    feed.send("api-football-live-markets", "api_football_live_odds.json", edit)
    assert feed.markets() == LIVE | {"FULLTIME RESULT": {}}


def test_football_data_co_uk(feed, casino_a):
    assert feed.send("football-data-co-uk-markets", "football_data_co_uk_markets.csv") == ["stored"]
    with use_casino(casino_a.current):
        events = list(Event.objects.order_by("begin_timestamp").values_list("id", "offered_by", "odd"))
    assert [event[1:] for event in events] == [(1, None), (1, None)]
    assert [feed.markets(event[0]) for event in events] == [
        {
            "1X2": {"HOME": 2.15, "DRAW": 3.3, "AWAY": 3.4},
            "ASIAN HANDICAP -0.25": {"HOME": 2.02, "AWAY": 1.83},
            "TOTALS 2.5": {"OVER": 1.9, "UNDER": 1.95},
        },
        {"1X2": {}, "ASIAN HANDICAP": {}, "TOTALS 2.5": {"OVER": 1.72}},
    ]
