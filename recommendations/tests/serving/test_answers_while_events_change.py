"""While odds, status and begin times change concurrently, no response has an event that was closed or had another odd
at the request's query."""

import random
import threading
from datetime import UTC, datetime, timedelta

import pytest

from recommendations.models import Event, OfferVersion
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving.request_filters import RequestFilters
from recommendations.storing import store_coupons, store_events, store_users
from recommendations.tests.conftest import TEST_DATABASES
from recommendations.tests.factories import coupon_row, event_row, selection_row, user_row
from recommendations.tests.recommend import recommend
from recommendations.tests.threads import run_threads
from tenants.routing.connections import casino_atomic, casino_connection
from tenants.routing.context import use_casino

NOW = datetime(2049, 6, 1, 18, tzinfo=UTC)
EVENTS, CHANGES = 30, 150


def random_change(rng):
    if rng.random() < 0.4:
        return "odd = %s", rng.randint(101, 900) / 100
    if rng.random() < 0.6:
        return "status = %s", rng.choice(["OPEN", "OPEN", "SUSPENDED", "SETTLED"])
    return "begin_timestamp = %s", NOW + timedelta(minutes=rng.choice([-5, 0, 5, 60]))


def version():
    return OfferVersion.objects.get().version


def open_events():
    """Event -> its odd."""
    events = Event.objects.filter(status="OPEN", begin_timestamp__gt=NOW)
    return {event_id: float(odd or 0) for event_id, odd in events.values_list("id", "odd")}


@pytest.fixture
def _casino(casino_a):
    with use_casino(casino_a.current):
        store_users([user_row(id=user_id) for user_id in range(1, 6)])
        end = NOW + timedelta(hours=5)
        begin = NOW + timedelta(hours=1)
        rows = [
            event_row(id=n, home_team=f"H{n}", away_team=f"A{n}", begin_timestamp=begin, end_timestamp=end)
            for n in range(1, EVENTS + 1)
        ]
        store_events(rows)
        bets = [selection_row(home_team=f"H{n}", away_team="ELSEWHERE") for n in range(1, 9)]
        store_coupons([coupon_row(user_id=n % 5 + 1, recommended_events=(bet,)) for n, bet in enumerate(bets)])


@pytest.mark.no_cover
@pytest.mark.usefixtures("_casino")
@pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)
def test_no_response_has_an_event_that_was_closed_begun_or_repriced_at_the_requests_query(casino_a):
    allowed_at, answers, written = {}, [], [threading.Event(), threading.Event()]

    def write(rng):
        for _ in range(CHANGES):
            with casino_atomic():
                with casino_connection().cursor() as cursor:
                    change, value = random_change(rng)
                    first = rng.randint(1, EVENTS)
                    cursor.execute(f"UPDATE events SET {change} WHERE id BETWEEN %s AND %s", [value, first, first + 3])
                allowed_at[version()] = open_events()  # the version is locked: all will see what is seen here

    def request(rng):
        while not all(each.is_set() for each in written):
            before, name = version(), rng.choice(list(RECOMMENDERS))
            slip = recommend(
                casino_id=1, recommender_type=name, user_id=rng.randint(1, 5), now=NOW, filters=RequestFilters(limit=10)
            )
            answers.append((before, version(), {event.event_id: event.odd for event in slip.recommended_events}))

    def work(number):
        rng = random.Random(number)
        if number >= len(written):
            return request(rng)
        try:
            return write(rng)
        finally:
            written[number].set()

    with use_casino(casino_a.current):
        allowed_at[version()] = open_events()
    run_threads(casino_a, work)
    for before, after, shown in answers:
        states = [allowed for seen, allowed in allowed_at.items() if before <= seen <= after]
        assert any(shown.items() <= allowed.items() for allowed in states), (before, after, shown)
    assert len({before for before, *_ in answers}) > 5
