"""While prices change concurrently, no response has a leg that was closed or had another price at the request's
query."""

import random
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db.transaction import set_rollback

from recommendations.models import Market, PriceVersion, Producer
from recommendations.serving.options import Options
from recommendations.serving.request_filters import RequestFilters
from recommendations.storing import store_events, store_users
from recommendations.tests.conftest import TEST_DATABASES
from recommendations.tests.factories import event_row, user_row
from recommendations.tests.prices.market_rows import market
from recommendations.tests.recommend import recommend
from recommendations.tests.threads import run_threads
from tenants.routing.connections import casino_atomic, casino_connection, current_alias
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

NOW = datetime(2049, 6, 1, 18, tzinfo=UTC)
EVENTS, CHANGES = 30, scaled(150, 300)
CHANGE = """
UPDATE markets SET status = %s, odds = ARRAY[%s, 0], as_of = %s WHERE event_id BETWEEN %s AND %s
"""


@pytest.fixture
def _casino(casino_a, casino_b):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            store_users([user_row(id=user_id) for user_id in range(1, 6)])
            times = {"begin_timestamp": NOW + timedelta(hours=1), "end_timestamp": NOW + timedelta(hours=5)}
            numbers = range(1, EVENTS + 1)
            store_events([event_row(id=each, home_team=f"H{each}", away_team=f"A{each}", **times) for each in numbers])
            for number in numbers:
                market(number, {"OVER": 2.0, "UNDER": 0}, name="TOTALS", line="2.5")
            Producer.objects.update(sends_heartbeats=False)


def version():
    return PriceVersion.objects.get().version


def open_prices():
    """Event -> its odd."""
    rows = Market.objects.filter(status="open").values_list("event_id", "odds")
    return {event_id: odds[0] / 1_000 for event_id, odds in rows}


def change(rng):
    first = rng.randint(1, EVENTS)
    status = rng.choice(["open", "open", "suspended"])
    with casino_connection().cursor() as cursor:
        cursor.execute(CHANGE, [status, rng.randint(1_010, 9_000), NOW, first, first + 3])


@pytest.mark.no_cover
@pytest.mark.scaled
@pytest.mark.usefixtures("_casino")
@pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)
def test_no_leg_was_suspended_or_had_another_price_at_the_requests_query(casino_a):
    allowed_at, answers, written = {}, [], [threading.Event(), threading.Event()]

    def write(rng):
        for _ in range(CHANGES):
            with casino_atomic():
                for _ in range(rng.choice([1, 1, 2])):
                    change(rng)
                is_rolled_back = rng.random() < 0.2
                if not is_rolled_back:  # the version is locked: all will see what is seen here
                    allowed_at[version()] = open_prices()
                set_rollback(is_rolled_back, using=current_alias())

    def request(rng):
        options = Options(event_limit=10)
        while not all(each.is_set() for each in written):
            before = version()
            slip = recommend(
                casino_id=1,
                recommender_type=rng.choice(["static", "soonest"]),
                user_id=rng.randint(1, 5),
                now=NOW,
                options=options,
                filters=RequestFilters(excluded=frozenset(rng.sample(range(1, EVENTS + 1), 5))),
            )
            shown = {event.event_id: event.odd for event in slip.recommended_events}
            assert {event.outcome for event in slip.recommended_events} <= {"OVER"}
            answers.append((before, version(), shown))

    def work(number):
        rng = random.Random(number)
        if number >= len(written):
            return request(rng)
        try:
            return write(rng)
        finally:
            written[number].set()

    with use_casino(casino_a.current):
        allowed_at[version()] = open_prices()
    run_threads(casino_a, work)
    for before, after, shown in answers:
        states = [allowed for seen, allowed in allowed_at.items() if before <= seen <= after]
        for event_id, odd in shown.items():
            assert any(allowed.get(event_id) == odd for allowed in states), (before, after, event_id, odd)
    assert len({before for before, *_ in answers}) > 5
