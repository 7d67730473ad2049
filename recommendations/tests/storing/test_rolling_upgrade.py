"""Consumers of the release before write to the same tables: they move a status, but not the status's own time."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from recommendations.models import Event, User
from recommendations.storing import store_events, store_users
from recommendations.tests.factories import at, event_row, user_row
from recommendations.validation.changes import EventChange
from tenants.routing.connections import execute
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

VALUES: list[tuple[str, Any, Any]] = [
    ("status", "ACTIVE", "CLOSED"),
    ("birth_date", date(1985, 1, 1), date(1985, 12, 31)),
    ("stake_limit", Decimal(900), Decimal(5)),
    ("limit_left", Decimal(900), Decimal(5)),
]


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def store_event(status, minute):
    store_events([event_row(id=1, status=status, timestamp=at(minute))])


def store_user(minute, **values):
    store_users([user_row(id=1, birth_year=1985, timestamp=at(minute), **values)])


def test_an_older_message_does_not_reopen_an_event_that_the_earlier_release_suspended():
    store_event("OPEN", 0)
    execute("UPDATE events SET status = 'SUSPENDED', timestamp = %s WHERE id = 1", [at(10)])
    store_event("OPEN", 5)
    assert Event.objects.get(id=1).status == "SUSPENDED"
    store_event("OPEN", 15)
    assert Event.objects.get(id=1).status == "OPEN"


@pytest.mark.parametrize(("column", "mild", "strict"), VALUES)
def test_an_older_message_does_not_lift_a_restriction_that_the_earlier_release_stored(column, mild, strict):
    store_user(0, **{column: mild})
    execute(f"UPDATE users SET {column} = %s, timestamp = %s WHERE id = 1", [strict, at(10)])
    store_user(5, **{column: mild})
    assert getattr(User.objects.get(id=1), column) == strict
    store_user(15, **{column: mild})
    assert getattr(User.objects.get(id=1), column) == mild


def test_a_longer_exclusion_by_the_earlier_release_is_not_shortened_by_an_older_message():
    store_user(0, status="TIME_OUT", status_until=at(60))
    execute("UPDATE users SET status_until = %s, timestamp = %s WHERE id = 1", [at(90), at(10)])
    store_user(5, status="TIME_OUT", status_until=at(30))
    assert User.objects.get(id=1).status_until == at(90)


def test_an_older_message_replaces_no_odd_and_no_times_that_the_earlier_release_stored():
    store_event("OPEN", 0)
    moved = "odd = 3, end_timestamp = end_timestamp + interval '1 hour', timestamp = %s"
    execute(f"UPDATE events SET {moved} WHERE id = 1", [at(10)])
    store_events([EventChange(id=1, odd=Decimal(9), end_timestamp=event_row().end_timestamp, timestamp=at(5))])
    stored = Event.objects.get(id=1)
    assert (stored.odd, stored.odd_as_of, stored.begin_timestamp_as_of) == (Decimal(3), at(10), at(10))
    assert stored.end_timestamp > event_row().end_timestamp


def test_a_later_odd_and_a_change_by_hand_leave_the_time_of_a_status():
    store_event("OPEN", 0)
    execute("UPDATE events SET odd = 3, timestamp = %s WHERE id = 1", [at(10)])
    execute("UPDATE events SET status = 'SUSPENDED' WHERE id = 1")
    assert Event.objects.get(id=1).status_as_of == at(0)


def test_a_birth_date_dropped_for_another_year_keeps_its_time():
    store_user(0, birth_date=date(1985, 1, 1))
    store_users([user_row(id=1, birth_year=1986, timestamp=at(10))])
    assert User.objects.get(id=1).birth_date is None
    assert User.objects.get(id=1).birth_date_as_of == at(0)
