"""Dummy users, events and coupons."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from recommendations.errors import NoOpenEvents
from recommendations.models import Event
from recommendations.simulation.dummies import DUMMY_LEAGUES, dummy_coupon, dummy_event, dummy_user
from recommendations.storing import store_coupons, store_events, store_users
from recommendations.tests.factories import EventFactory, UserFactory
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.slow, pytest.mark.covered]

NOW = datetime(2030, 1, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("make", [dummy_user, dummy_event])
def test_equal_seeds_give_equal_dummies(make):
    first, second = ([make(rng, now=NOW) for _ in range(20)] for rng in (random.Random(5), random.Random(5)))
    assert first == second
    assert len({row.natural_key for row in first}) > 15


def test_dummy_events_begin_within_the_next_two_weeks():
    rng = random.Random(1)
    events = [dummy_event(rng, now=NOW) for _ in range(500)]
    assert min(event.begin_timestamp for event in events) > NOW
    assert max(event.begin_timestamp for event in events) <= NOW + timedelta(days=14)
    assert {event.sport for event in events} == set(DUMMY_LEAGUES)


def test_each_dummy_team_plays_in_one_league():
    cities = [city for leagues in DUMMY_LEAGUES.values() for *_, cities in leagues for city in cities]
    assert len(set(cities)) == len(cities)


def test_dummies_can_be_stored(casino_a):
    rng = random.Random(1)
    with use_casino(casino_a.current):
        now = datetime.now(UTC)
        users = store_users([dummy_user(rng, now=now) for _ in range(50)])
        store_events([dummy_event(rng, now=now) for _ in range(50)])
        coupons = store_coupons([dummy_coupon(rng, now=now) for _ in range(50)])
    assert {outcome.result for outcome in users + coupons} == {"stored"}


def test_a_dummy_coupon_bets_on_three_different_open_events(casino_a, now):
    with use_casino(casino_a.current):
        EventFactory.create_batch(5)
        EventFactory.create_batch(5, begin_timestamp=now - timedelta(hours=1))
        coupon = dummy_coupon(random.Random(1), now=now, user_id=31)
        begins = Event.objects.filter(pk__in=[each.event_id for each in coupon.recommended_events])
        assert coupon.user_id == 31
        assert len(begins) == 3
        assert all(event.begin_timestamp > now for event in begins)


def test_a_dummy_coupon_without_a_user_gets_a_random_user_of_the_casino(casino_a, casino_b, now):
    with use_casino(casino_b.current):
        UserFactory.create(id=99)
    with use_casino(casino_a.current):
        UserFactory.create(id=5)
        EventFactory.create()
        coupon = dummy_coupon(random.Random(1), now=now)
    assert (coupon.user_id, len(coupon.recommended_events)) == (5, 1)


@pytest.mark.parametrize(("users", "events"), [(0, 3), (1, 0), (0, 0)])
def test_without_users_or_open_events_there_is_no_dummy_coupon(casino_a, now, users, events):
    with use_casino(casino_a.current):
        UserFactory.create_batch(users)
        EventFactory.create_batch(events)
        EventFactory.create(begin_timestamp=now - timedelta(hours=1))
        with pytest.raises(NoOpenEvents):
            dummy_coupon(random.Random(1), now=now)
