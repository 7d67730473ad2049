"""The statistics of what recommendations sold: command and API say what a recount by SQL does."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from recommendations.attribution.periods import parse_period
from recommendations.attribution.sales import read_sales
from recommendations.errors import InvalidParameter
from recommendations.tests.factories import UserFactory
from recommendations.validation.rows import ServedEventRow
from tenants.models import Scope
from tenants.routing.connections import query
from tenants.routing.context import use_casino
from tenants.tests.api_clients import bearing, make_key

from .test_job import NOON, NOW, attribute, buy, serve

pytestmark = pytest.mark.slow

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 7)
PERIOD = {"from": "2026-11-01", "to": "2026-11-07"}
OVER = {"market": "TOTALS", "line": "2.5", "outcome": "OVER"}

RECOUNT = """
SELECT (SELECT count(*) FROM purchased_coupons), (SELECT sum(stake) FROM purchased_coupons),
    (SELECT count(*) FROM attributions), (SELECT sum(stake) FROM attributions),
    (SELECT count(*) FROM served_recommendations WHERE shown),
    (SELECT count(DISTINCT (user_id, (timestamp AT TIME ZONE 'UTC')::date)) FROM served_recommendations
     WHERE shown AND events <> '[]')
"""


@pytest.fixture
def sold(casino_a, casino_b):
    """Bets of two users of casino A on three days, some of them after a recommendation."""
    with use_casino(casino_a.current):
        UserFactory.create(id=7, timestamp=NOON, currency="GBP")
        UserFactory.create(id=8, timestamp=NOON, currency="EUR")
        for day in range(3):
            serve(day + 1, 1_440 * day, placement="home")
            serve(day + 11, 1_440 * day + 1, user_id=8, recommender="hybrid", event_id=6)
            buy(day + 1, 1_440 * day + 10)
            buy(day + 11, 1_440 * day + 10, 6, 9, user_id=8)
            buy(day + 21, 1_440 * day + 10, 99, user_id=8)
        serve(20, 5, events=(ServedEventRow(event_id=3, odd=Decimal(2), **OVER),))  # type: ignore[arg-type]
        buy(40, 20, 3, stake=Decimal("2.50"))
        attribute()


@pytest.fixture
def key(casino_a):
    return bearing(make_key(casino_a, Scope.CONFIGURE).text)


def get(key, **period):
    return Client().get("/sales", period or PERIOD, headers=key)


@pytest.mark.usefixtures("sold")
def test_the_figures_agree_with_a_recount_by_sql(casino_a):
    with use_casino(casino_a.current):
        [(coupons, coupon_stake, bets, stake, answers, reached)] = query(RECOUNT)
        sales = read_sales(FIRST, LAST)
    total = sales.total
    assert (total.coupons, sum(total.coupon_turnover.values())) == (coupons, coupon_stake) == (10, Decimal("92.5"))
    assert (total.bets, sum(total.turnover.values())) == (bets, stake) == (7, Decimal("62.5"))
    assert (total.answers, total.reached) == (answers, reached) == (7, 6)
    for lines in (sales.days, sales.recommenders, sales.placements):
        assert sum(line.bets for line in lines) == bets
        assert sum(sum(line.turnover.values()) for line in lines) == stake


@pytest.mark.usefixtures("sold")
def test_the_api_answers_the_figures_by_day_recommender_placement_and_market(key):
    answer = get(key).json()
    assert [day["name"] for day in answer["days"]][:2] == ["2026-11-01", "2026-11-02"]
    assert len(answer["days"]) == 7
    assert [(line["name"], line["bets"], line["turnover"]) for line in answer["recommenders"]] == [
        ("static", 4, {"GBP": 32.5}), ("hybrid", 3, {"EUR": 30}),
    ]  # fmt: skip
    assert {line["name"]: line["bets"] for line in answer["placements"]} == {"home": 3, "": 4}
    assert answer["markets"] == [
        {"name": "TOTALS", "bettors": 1, "bets": 1, "turnover": {"GBP": 2.5}, "matched_turnover": {"GBP": 2.5}}
    ]
    total = answer["total"]
    assert (total["coverage"], total["conversion"], total["reach"]) == (0.7, 1.0, 1.0)
    assert total["matched_turnover"] == {"GBP": 32.5, "EUR": 15}
    assert answer["due"] == 0


@pytest.mark.usefixtures("sold")
def test_the_command_prints_what_the_api_answers(key, capsys):
    call_command("sales", "--casino", "1", "--from", "2026-11-01", "--to", "2026-11-07", "--json")
    assert json.loads(capsys.readouterr().out) == get(key).json()
    call_command("sales", "--casino", "1", "--from", "2026-11-01", "--to", "2026-11-07")
    text = capsys.readouterr().out
    assert "7 of 10 bets (70.0%) came after a recommendation" in text
    assert "This does not show that it caused them." in text
    assert "hybrid" in text


@pytest.mark.usefixtures("sold")
def test_another_casino_has_other_figures(casino_b):
    answer = get(bearing(make_key(casino_b, Scope.CONFIGURE).text)).json()
    assert (answer["casino_id"], answer["total"]["coupons"], answer["recommenders"]) == (2, 0, [])
    assert (answer["total"]["coverage"], answer["total"]["conversion"]) == (None, None)


@pytest.mark.usefixtures("sold")
def test_what_is_not_attributed_yet_is_shown(key, casino_a):
    with use_casino(casino_a.current):
        buy(90, 30)
    assert get(key).json()["due"] == 1


def test_a_key_without_the_scope_is_refused(casino_a):
    assert get(bearing(make_key(casino_a, Scope.RECOMMEND).text)).status_code == 403


@pytest.mark.parametrize(
    ("first", "last", "problem"),
    [
        ("2026-11-08", "2026-11-07", "send 1 to 366 days"),
        ("2025-11-06", "2026-11-07", "send 1 to 366 days"),
        ("soon", None, "from is 'soon': send a day as YYYY-MM-DD"),
        (None, "2026-02-30", "to is '2026-02-30': send a day as YYYY-MM-DD"),
    ],
)
def test_a_period_that_is_none_is_refused(first, last, problem, key):
    with pytest.raises(InvalidParameter, match=problem):
        parse_period(first, last, NOW)
    with pytest.raises(CommandError, match=problem):
        call_command(
            "sales", "--casino", "1", *([f"--from={first}"] if first else []), *([f"--to={last}"] if last else [])
        )
    given = {name: value for name, value in (("from", first), ("to", last)) if value}
    answer = get(key, **given)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


def test_by_default_the_last_seven_days_count():
    assert parse_period(None, None, NOW) == (NOW.date() - timedelta(days=6), NOW.date())
    assert parse_period(None, "0001-01-03", NOW) == (date.min, date(1, 1, 3))
