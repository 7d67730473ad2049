from datetime import timedelta

import pytest
from django.db import connections

from recommendations.models import CasinoTally
from recommendations.storing import store_recommendations
from recommendations.tallies.statistics import Latency, Totals, latencies, top_values, totals
from recommendations.tests.factories import CouponFactory, EventFactory, UserFactory, served_row
from tenants.routing.context import use_casino


@pytest.fixture
def in_a(casino_a, casino_b):
    with use_casino(casino_b.current):
        UserFactory.create_batch(5)
        EventFactory.create_batch(5)
    with use_casino(casino_a.current):
        yield


def tally(value, weight, *, attribute="league", days=0, now, count=1):
    as_of = (now - timedelta(days=days)).timestamp()
    CasinoTally.objects.create(attribute=attribute, value=value, count=count, weight=weight, trend=0, as_of=as_of)


def test_an_empty_casino_has_totals_of_zero(in_a, now):
    assert totals(now) == Totals(users=0, is_estimated=False, open_events=0, coupons_today=0, is_capped=False)


def test_totals_count_open_events_and_todays_coupons(in_a, now):
    now = now.replace(hour=12, minute=0, second=0, microsecond=0)
    UserFactory.create_batch(2)
    EventFactory.create(begin_timestamp=now + timedelta(hours=1))
    EventFactory.create(begin_timestamp=now + timedelta(hours=1), status="SUSPENDED")
    EventFactory.create(begin_timestamp=now - timedelta(hours=1))
    for hours in (-12, 0, 11.99, -12.01, 12):  # the latter two are yesterday and tomorrow
        CouponFactory.create(user_id=1, timestamp=now + timedelta(hours=hours))
    found = totals(now)
    assert (found.users, found.open_events, found.coupons_today) == (2, 1, 3)


def test_counting_is_capped(in_a, now):
    UserFactory.create_batch(5)
    CouponFactory.create_batch(5, user_id=1, timestamp=now)
    with connections["casino_1"].cursor() as cursor:
        cursor.execute("UPDATE pg_class SET reltuples = 6 WHERE relname = 'users'")  # as of an ANALYZE
    found = totals(now, counted=3)
    assert (found.users, found.is_estimated) == (6, True)
    assert (found.coupons_today, found.is_capped) == (3, True)


def test_top_values_prefer_recent_selections(in_a, now):
    tally("OLD", 10, days=90, count=100, now=now)
    tally("NEW", 5, now=now)
    tally("TEAM", 50, attribute="home_team", now=now)
    found = top_values("league", now=now, limit=5)
    assert [(each.value, each.count) for each in found] == [("NEW", 1), ("OLD", 100)]
    assert found[1].weight == pytest.approx(10 / 8)
    assert len(top_values("league", now=now, limit=1)) == 1


def test_top_values_of_several_attributes_are_summed(in_a, now):
    tally("AJAX", 2, attribute="home_team", now=now)
    tally("AJAX", 3, attribute="away_team", now=now)
    tally("PSV", 4, attribute="away_team", now=now)
    found = top_values("home_team", "away_team", now=now, limit=5)
    assert [(each.value, each.count, round(each.weight)) for each in found] == [("AJAX", 2, 5), ("PSV", 1, 4)]


@pytest.mark.parametrize(("weight", "days"), [(1e-300, 0), (1e-300, 30_000), (1, 400_000), (0, 0)])
def test_weights_that_underflow_a_float_are_zero(in_a, now, weight, days):
    CasinoTally.objects.create(
        attribute="league", value="X", count=1, weight=weight, trend=0, as_of=now.timestamp() - days * 86_400
    )
    assert [each.weight for each in top_values("league", now=now, limit=5)] == [0]


def serve(*answers):
    """Store recommendations, each given as (time, latency in ms)."""
    UserFactory.create(id=7)
    store_recommendations(
        [served_row(number, timestamp=when, took_ms=took) for number, (when, took) in enumerate(answers, 1)]
    )


def test_latencies_are_the_median_and_the_99th_percentile_of_each_hour(in_a, now):
    hour = now.replace(minute=0, second=0, microsecond=0)
    earlier, end = hour - timedelta(hours=2), hour - timedelta(hours=1, microseconds=1)
    serve((earlier, 1.0), (earlier, 2.0), (end, 3.0), (hour, 8.0), (hour, None), (earlier - timedelta(seconds=1), 9.0))
    between = Latency(hour - timedelta(hours=1))
    assert latencies(now, 3) == [Latency(earlier, 2.0, 2.98), between, Latency(hour, 8.0, 8.0)]


def test_latencies_of_a_busy_hour_are_those_of_its_latest_recommendations(in_a, now):
    hour = now.replace(minute=0, second=0, microsecond=0)
    serve(*((hour + timedelta(seconds=number), float(number)) for number in range(10)))
    [found] = latencies(now, 1, sampled=3)
    assert found.p50 == 8.0
