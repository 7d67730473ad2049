"""The page of what recommendations sold: its statistics are those of the command, the API and a recount by SQL."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.test import Client

from recommendations.attribution.job import attribute_step, sum_due_days
from recommendations.storing import store_coupons, store_impressions, store_recommendations, store_users
from recommendations.tests.factories import coupon_row, selection_row, served_row, user_row
from recommendations.validation.impressions import ImpressionRow
from recommendations.validation.rows import ServedEventRow
from tenants.models import Casino, CasinoState, Scope
from tenants.routing.connections import query
from tenants.routing.context import use_casino
from tenants.tests.api_clients import bearing, make_key

from .conftest import count_queries, staff_client, text_of

URL = "/casinos/1/sales/"
RECOUNT = """
SELECT (SELECT count(*) FROM served_recommendations WHERE shown),
    (SELECT count(DISTINCT recommendation_id) FROM impressions WHERE kind = 'seen'),
    (SELECT count(*) FROM purchased_coupons),
    (SELECT count(*) FROM purchased_coupons AS coupon WHERE EXISTS (
        SELECT FROM served_recommendations AS slip WHERE slip.user_id = coupon.user_id AND shown
        AND slip.timestamp BETWEEN coupon.timestamp - interval '24 hours' AND coupon.timestamp
        AND slip.events -> 0 -> 'event_id' = coupon.recommended_events -> 0 -> 'event_id'
    ))
"""


def _serve(number, at, user_id, event_id, **changes):
    events = (ServedEventRow(event_id=event_id, odd=Decimal(2)),)
    store_recommendations([served_row(number, user_id=user_id, timestamp=at, events=events, **changes)])


def _buy(number, at, user_id, event_id, stake="10"):
    bets = (selection_row(event_id=event_id),)
    store_coupons([coupon_row(id=number, user_id=user_id, timestamp=at, recommended_events=bets, stake=Decimal(stake))])


def _see(number, at, user_id):
    store_impressions([
        ImpressionRow(recommendation_id=served_row(number).recommendation_id, user_id=user_id, kind="seen",
            event_ids=(), placement="", timestamp=at)
    ])  # fmt: skip


def _attribute(now):
    while (step := attribute_step(now, timedelta(hours=24))) is None or not step.is_last:
        pass
    sum_due_days()


@pytest.fixture
def sold(casino_a, casino_b, now):
    """Casino A: bets and answers of two users on two days, out of order, sent twice and late. Casino B: another one."""
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
    later = noon + timedelta(minutes=5)
    with use_casino(casino_a.current):
        store_users([user_row(id=7, timestamp=noon, currency="GBP"), user_row(id=8, timestamp=noon)])
        _see(1, later, 7)  # before its answer
        _buy(1, later, 7, 5)  # before its answer
        _serve(1, noon, 7, 5, placement="home")
        for _ in range(2):
            _serve(2, noon, 8, 6, recommender="hybrid")
            _buy(2, later, 8, 6, "2.50")
            _see(2, later, 8)
        _attribute(now)
        _buy(3, later, 8, 99)  # on no recommended event
        _serve(3, noon + timedelta(days=1), 7, 5)
        _buy(4, later + timedelta(days=1), 7, 5)
        _serve(4, noon + timedelta(days=1), 8, 9, shown=False)
        _attribute(now)
    with use_casino(casino_b.current):
        store_users([user_row(id=7, timestamp=noon)])
        _serve(1, noon, 7, 5)
        _attribute(now)


@pytest.mark.usefixtures("sold")
def test_page_command_api_and_a_recount_by_sql_agree(staff, casino_a, capsys):
    with use_casino(casino_a.current):
        [recount] = query(RECOUNT)
    shown = staff.get(URL).context["sales"]
    total = shown.total
    assert (total.answers, total.seen, total.coupons, total.bets) == recount == (3, 2, 4, 3)
    assert total.turnover == {"GBP": 20, "EUR": Decimal("2.5")}
    assert (total.reached, total.converted) == (3, 3)
    call_command("sales", "--casino", "1", "--json")
    printed = json.loads(capsys.readouterr().out)
    assert Client().get("/sales", headers=bearing(make_key(casino_a, Scope.CONFIGURE).text)).json() == printed
    for name in ("answers", "seen", "clicked", "coupons", "bets", "reached", "converted"):
        assert printed["total"][name] == getattr(total, name), name
    assert [line["bets"] for line in printed["days"]] == [line.bets for line in shown.days]
    assert [line["name"] for line in printed["recommenders"]] == [line.name for line in shown.recommenders]


@pytest.mark.usefixtures("sold")
def test_the_page_shows_figures_and_intervals_and_no_other_casinos(staff):
    page = text_of(staff, URL)
    assert "20.00 GBP, 2.50 EUR" in page
    assert "95 % confidence interval: 28.1 % to 100.0 %" in page  # of 3 of 3, on two days: Wilson of 1.5
    assert "No impressions are sent" not in page
    assert "hybrid" in page
    other = text_of(staff, "/casinos/2/sales/")
    assert "hybrid" not in other
    assert "GBP" not in other
    assert "No impressions were sent, so seen and clicked are unknown." in other


def test_a_casino_without_answers_says_what_to_do(staff, casino_a):
    page = text_of(staff, URL)
    assert "No recommendation was served in this period." in page
    assert 'href="/casinos/1/configuration/">Configure it</a>' in page


@pytest.mark.usefixtures("sold")
def test_what_is_not_counted_yet_is_shown(staff, casino_a, now):
    with use_casino(casino_a.current):
        _buy(9, now, 7, 5)
    assert "Coupons and answers not yet counted: 1." in text_of(staff, URL)


@pytest.mark.parametrize(
    ("asked", "days"),
    [({"days": "28"}, 28), ({"days": "5"}, 7), ({"from": "2026-01-01", "to": "2026-01-03"}, 3), ({"from": "x"}, 7)],
)
def test_a_period_is_one_of_three_or_two_dates(staff, filled, asked, days):
    answer = staff.get(URL, asked)
    assert len(answer.context["sales"].days) == days
    assert ("from is &#x27;x&#x27;: send a day" in answer.content.decode()) == (asked == {"from": "x"})


@pytest.mark.covered
@pytest.mark.usefixtures("sold")
def test_it_takes_as_many_queries_for_many_days(staff, casino_a):
    staff.get(URL)
    week = count_queries(staff, URL)
    assert count_queries(staff, f"{URL}?days=90") == week
    assert week[2] == 0


@pytest.mark.covered
def test_it_requires_the_permission_for_coupons(filled):
    assert staff_client("recommendations.view_user").get(URL).status_code == 403
    client = staff_client("recommendations.view_purchasedcoupon")
    assert client.get(URL).status_code == 200
    assert "Experiments" not in text_of(client, "/casinos/1/")


def test_an_unavailable_casino_shows_the_reason(staff, casino_a):
    Casino.objects.filter(pk=casino_a.pk).update(state=CasinoState.CREATING)
    assert "This casino has no database to read" in text_of(staff, URL)


@pytest.mark.usefixtures("sold")
def test_the_casinos_page_compares_the_last_week_with_the_one_before(staff, casino_a):
    page = text_of(staff, "/casinos/1/")
    assert "Of 3 users reached, counted once a day, 3 bet on an event shown that day" in page
    assert "20.00 GBP, 2.50 EUR" in page
    assert "There is nothing to compare it with" in page
    assert "Recommendations in the 7 days" not in text_of(staff_client(), "/casinos/1/")
