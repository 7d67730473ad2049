"""Any rows in any order and any batches give the tables of the reference implementation."""

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db.transaction import set_rollback
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from recommendations.storing import store_coupons, store_events, store_users
from recommendations.tests.factories import at, coupon_row, event_row, removal, user_row
from recommendations.tests.profile_counts import assert_counts_equal_a_recount
from recommendations.tests.storing_reference import Reference, stored_tables
from tenants.routing.connections import casino_atomic, casino_connection, current_alias
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

STORE: dict[str, Any] = {"users": store_users, "events": store_events, "purchased_coupons": store_coupons}
OWN_IDS = 10_001  # the first one; the sequences start higher
SLOW = settings(max_examples=scaled(10, 30), suppress_health_check=[HealthCheck.function_scoped_fixture])

ids = st.integers(OWN_IDS, OWN_IDS + 2)
minutes = st.integers(0, 5)
removals = st.builds(removal, ids, minutes)
limits = st.just(UNSET) | st.none() | st.integers(0, 2).map(Decimal)
untils = st.none() | st.integers(-1, 2).map(lambda years: datetime(2026 + years, 1, 1, tzinfo=UTC))


def make_user(row_id, minute, country, status, until, day, stake_limit, limit_left, personalisation):
    """A user whose birth year only ever grows: of a year sent again after another one, the birth date may be lost or
    not, by the order of the messages."""
    year = 1980 + minute // 2
    return user_row(
        id=row_id,
        timestamp=at(minute),
        country=country or f"COUNTRY {minute}",
        birth_year=year,
        status=status,
        status_until=until if status else None,
        birth_date=date(year, 1, day) if day else None,
        stake_limit=stake_limit,
        limit_left=limit_left,
        personalisation=personalisation,
    )


def users_of(countries):
    statuses = st.sampled_from([None, None, "ACTIVE", "TIME_OUT", "SELF_EXCLUDED", "CLOSED"])
    days = st.none() | st.integers(1, 2)
    consents = st.sampled_from([UNSET, UNSET, True, False])
    return st.builds(make_user, ids, minutes, countries, statuses, untils, days, limits, limits, consents)


users = users_of(st.sampled_from("ABC"))


def make_event(row_id, minute, odd, status, away_team):
    timestamp = None if minute is None else at(minute)
    return event_row(
        id=row_id, timestamp=timestamp, odd=odd, status=status, away_team=away_team if row_id else "CHELSEA"
    )


statuses = st.sampled_from([None, None, "OPEN", "SUSPENDED", "CANCELLED", "SETTLED"])
events = st.builds(
    make_event, st.none() | ids, st.none() | minutes, st.integers(2, 4), statuses, st.sampled_from(["CHELSEA", "LEEDS"])
)


def make_coupon(number, has_id, stake, minute):
    """A coupon; coupons of the same key have the same user."""
    key = {"id": OWN_IDS + number} if has_id else {"source": f"place {number}"}
    return coupon_row(user_id=OWN_IDS + number % 3, stake=Decimal(stake), timestamp=at(minute), **key)


coupons = st.builds(make_coupon, st.integers(0, 4), st.booleans(), st.integers(1, 3), minutes)


def batch_of(kind, rows):
    return st.tuples(st.just(kind), st.lists(rows | removals, min_size=1, max_size=6))


batches = st.one_of(batch_of("users", users), batch_of("events", events), batch_of("purchased_coupons", coupons))


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        with casino_connection().cursor() as cursor:
            for table in STORE:
                cursor.execute(f"SELECT setval('{table}_id_seq', 20000)")  # else it collides with the own ids
        yield


def tables_after(batches):
    with casino_atomic():
        for kind, rows in batches:
            assert len(STORE[kind](rows)) == len(rows)
        tables = stored_tables()
        assert_counts_equal_a_recount()
        set_rollback(True, using=current_alias())
    return tables


@pytest.mark.no_cover
@pytest.mark.scaled
@SLOW
@given(st.lists(batches, max_size=12))
def test_any_batches_give_the_tables_of_the_reference(batches):
    reference = Reference()
    for kind, rows in batches:
        for row in rows:
            reference.apply(kind, row)
    assert tables_after(batches) == reference.tables()


full_events = st.builds(
    lambda row_id, minute: make_event(row_id, minute, 2 + minute, "OPEN" if minute % 2 else "SUSPENDED", "LEEDS"),
    ids,
    minutes,
)
one_user_a_minute = st.builds(
    lambda row_id, minute: user_row(id=row_id, timestamp=at(minute), country=f"COUNTRY {minute}"), ids, minutes
)
one_coupon_a_key = st.builds(lambda number, has_id: make_coupon(number, has_id, 1, 1), st.integers(0, 4), st.booleans())
messages = st.one_of(
    st.tuples(st.just("users"), one_user_a_minute),
    st.tuples(st.just("events"), full_events | removals),
    st.tuples(st.just("purchased_coupons"), one_coupon_a_key | removals),
)


@pytest.mark.no_cover
@pytest.mark.scaled
@SLOW
@given(st.lists(messages, max_size=25), st.randoms(use_true_random=False))
def test_complete_messages_in_any_order_and_repeated_give_the_same_tables(messages, rng):
    again = rng.sample(messages, rng.randint(0, len(messages)))
    first = tables_after((kind, [row]) for kind, row in messages)
    assert tables_after(in_batches(rng.sample(messages + again, len(messages + again)), rng)) == first


partial_events = st.builds(
    lambda row_id, minute, status: make_event(row_id, minute, 2 + minute, status, "LEEDS"), ids, minutes, statuses
)
partial_messages = st.one_of(
    st.tuples(st.just("users"), users_of(st.none())), st.tuples(st.just("events"), partial_events)
)


@pytest.mark.no_cover
@pytest.mark.scaled
@SLOW
@given(st.lists(partial_messages, max_size=25), st.randoms(use_true_random=False))
def test_messages_with_and_without_restrictions_in_any_order_give_the_same_tables(messages, rng):
    """At equal times too, for then the strictest wins."""
    again = rng.sample(messages, rng.randint(0, len(messages)))
    first = tables_after((kind, [row]) for kind, row in messages)
    assert tables_after(in_batches(rng.sample(messages + again, len(messages + again)), rng)) == first


def in_batches(messages: list[Any], rng: random.Random):
    """Batches of one kind each, interleaved at random, with the messages of each kind in their order."""
    left = {kind: [row for each, row in messages if each == kind] for kind in STORE}
    while any(left.values()):
        kind = rng.choice([kind for kind in STORE if left[kind]])
        size = rng.randint(1, 5)
        yield kind, left[kind][:size]
        left[kind] = left[kind][size:]
