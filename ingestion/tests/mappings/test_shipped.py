"""Each shipped mapping, with a made-up document in the shape of its feed, through the real validation into rows."""

from pathlib import Path
from typing import Any

import pytest

from ingestion.mappings.shipped import shipped_names
from recommendations.models import Event, PurchasedCoupon, User
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

from .shipped_feed import ShippedFeed

pytestmark = [pytest.mark.slow, pytest.mark.covered]


@pytest.fixture
def feed(casino_a, settings):
    settings.EVENT_HORIZON_DAYS = 36_500
    return ShippedFeed(casino_a)


def events(feed: ShippedFeed) -> list[tuple[Any, ...]]:
    found = feed.rows(Event, "sport", "country", "league", "home_team", "away_team", "begin_timestamp", "odd", "status")
    return [(*row[:5], f"{row[5]:%Y-%m-%dT%H:%M}", row[6] and float(row[6]), row[7]) for row in found]


def test_every_shipped_mapping_is_tested_here():
    text = "".join(each.read_text() for each in Path(__file__).parent.glob("test_shipped*.py"))
    assert {name for name in shipped_names() if f'"{name}"' not in text} == set()


def test_the_odds_api(feed):
    assert feed.send("the-odds-api", "the_odds_api.json") == ["stored"]
    league = ("EXAMPLE LEAGUE", "TOWN 0", "CITY 0", "2050-06-01T15:00", 2.15, "OPEN")
    assert events(feed)[0] == ("FOOTBALL", "", *league)
    assert [row[0] for row in events(feed)] == ["FOOTBALL", "ICE HOCKEY", "TENNIS"]
    held = dict(feed.rows(Event, "sport", "is_withheld"))
    assert held == {"FOOTBALL": False, "ICE HOCKEY": True, "TENNIS": False}
    assert feed.send("the-odds-api", "the_odds_api.json", ('"key": "h2h"', '"key": "no"')) == ["updated"]
    assert {held for (held,) in feed.rows(Event, "is_withheld")} == {True}


def test_api_football_and_its_prices(feed):
    assert feed.send("api-football", "api_football.json") == ["stored"]
    found = events(feed)
    assert len(found) == 20
    assert found[0][:6] == ("FOOTBALL", "ENGLAND", "EXAMPLE LEAGUE", "HOME 0", "AWAY 0", "2050-06-01T15:00")
    assert {row[7] for row in found} == {"OPEN", "LIVE", "SUSPENDED", "CANCELLED", "SETTLED"}
    assert {row[6] for row in found} == {None}
    assert feed.send("api-football-odds", "api_football_odds.json") == ["updated"]
    prices = {row[0]: row[1:] for row in feed.rows(Event, "id", "odd", "is_withheld")}
    assert (float(prices[1000][0]), prices[1000][1]) == (2.1, False)
    assert prices[1002] == (None, True)
    feed.send("api-football", "api_football.json")
    assert {row[0]: row[1:] for row in feed.rows(Event, "id", "odd", "is_withheld")}[1000] == prices[1000]


def test_football_data_org(feed):
    assert feed.send("football-data-org", "football_data_org.json") == ["stored"]
    found = events(feed)
    assert len(found) == 12
    assert found[0] == ("FOOTBALL", "ENGLAND", "EXAMPLE LEAGUE", "TOWN 0", "CITY 0", "2050-06-01T15:00", None, "OPEN")
    assert [tbd for (tbd,) in feed.rows(Event, "start_time_tbd")][:2] == [True, False]


def test_football_data_co_uk(feed):
    assert feed.send("football-data-co-uk", "football_data_co_uk.csv") == ["unmapped"]
    assert events(feed) == [
        ("FOOTBALL", "GERMANY", "BUNDESLIGA", "KÖLN 2", "STADT 2", "2050-05-31T13:30", 1.7, "SETTLED"),
        ("FOOTBALL", "ENGLAND", "PREMIER LEAGUE", "TOWN 0", "CITY 0", "2050-06-01T19:00", 2.15, "OPEN"),
        ("FOOTBALL", "SPAIN", "LA LIGA", "VILLA 1", "ATLÉTICO 1", "2050-06-02T14:15", 1.85, "OPEN"),
        ("FOOTBALL", "ENGLAND", "LEAGUE ONE", "NO PRICE 5", "OTHER 5", "2050-06-03T14:00", None, "OPEN"),
    ]
    assert [held for (held,) in feed.rows(Event, "is_withheld")] == [False, False, False, True]


def test_openligadb(feed):
    assert feed.send("openligadb", "openligadb.json") == ["stored"]
    found = events(feed)
    assert len(found) == 4
    assert found[0][:6] == ("FOOTBALL", "GERMANY", "BEISPIELLIGA", "FC KÖLN 0", "SV ÜBERSEE 0", "2050-06-01T15:30")
    assert [row[7] for row in found] == ["OPEN", "SETTLED", "OPEN", "SETTLED"]


SENT = 'timestamp="1748779205'


def test_sportradar_fixtures_schedules_and_prices(feed):
    assert feed.send("sportradar-uof-fixture", "sportradar_uof_fixture.xml") == ["stored"]
    assert feed.send("sportradar-uof-fixture", "sportradar_uof_schedule.xml") == ["stored"]
    assert feed.send("sportradar-uof-odds", "sportradar_uof_odds.xml") == ["updated"]
    found = events(feed)
    assert found[0] == ("FOOTBALL", "ENGLAND", "EXAMPLE LEAGUE", "TOWN 0", "CITY 0", "2050-06-01T15:00", 2.15, "OPEN")
    assert [(row[0], row[3], row[7]) for row in found[1:]] == [
        ("TENNIS", "A, PLAYER", "OPEN"), ("TENNIS", "A, PLAYER", "CANCELLED"),
        ("FORMULA 1", "EXAMPLE GRAND PRIX", "OPEN"),
    ]  # fmt: skip
    assert [*feed.rows(Event, "participants")[-1][0]] == ["A, DRIVER", "B, DRIVER"]
    closings = ('id="1" status="1"', 'id="1" status="-1"'), ('odds="2.15" active="1"', 'odds="2.15" active="0"')
    for number, closing in enumerate(closings, start=1):
        closed, opened = (f'timestamp="17487792{number}{second}' for second in "12")
        assert feed.send("sportradar-uof-odds", "sportradar_uof_odds.xml", (SENT, closed), closing) == ["updated"]
        assert feed.rows(Event, "is_withheld")[0] == (True,)
        assert feed.send("sportradar-uof-odds", "sportradar_uof_odds.xml", (SENT, opened)) == ["updated"]
        assert feed.rows(Event, "is_withheld")[0] == (False,)


def test_debezium_users(feed):
    assert feed.send("debezium-users", "debezium_users.ndjson") == ["stored", "stored", "removed"]
    assert feed.rows(User, "id", "name", "status", "limit_left") == [(5001, "Bea", "SELF_EXCLUDED", 0)]
    assert feed.remove("debezium-users", b'{"schema": {}, "payload": {"id": 5001}}') == "removed"
    assert feed.rows(User, "id") == []


def test_debezium_events(feed):
    assert feed.send("debezium-events", "debezium_events.ndjson") == ["stored", "stored", "removed"]
    assert events(feed)[0][5:] == ("2050-06-01T15:00", None, "SUSPENDED")
    assert feed.remove("debezium-events", b'{"id": 6001}') == "removed"
    assert feed.rows(Event, "id") == []


def test_debezium_coupons(feed, casino_a):
    with use_casino(casino_a.current):
        UserFactory(id=5000)
    assert feed.send("debezium-coupons", "debezium_coupons.ndjson") == ["stored", "stored", "removed"]
    [(coupon_id, stake, selections)] = feed.rows(PurchasedCoupon, "id", "stake", "recommended_events")
    assert (coupon_id, float(stake)) == (7001, 4.0)
    assert [(each["event_id"], each["home_team"], each["odd"]) for each in selections] == [
        (6001, "TOWN 1", 1.8), (6002, "EXAMPLE OPEN WINNER", 11),
    ]  # fmt: skip
    damaged = feed.send("debezium-coupons", "debezium_coupons.ndjson", ('[{\\"event_id', '[[{\\"event_id'))
    assert damaged == ["missing", "missing", "duplicate"]
    assert feed.remove("debezium-coupons", b'{"id": 7001}') == "removed"
    assert feed.rows(PurchasedCoupon, "id") == []
