"""The change with the values of a row."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from recommendations.tests.factories import FIRST_MESSAGE, OPEN, event_row, user_row
from recommendations.validation.changes import EventChange, UserChange, change_of

USERS = [
    {}, {"id": None}, {"status": "closed"}, {"status": "time_out", "status_until": OPEN}, {"stake_limit": None},
    {"limit_left": Decimal(5), "birth_date": date(1985, 1, 1)}, {"favorite_sport": ""},
]  # fmt: skip
EVENTS = [
    {"id": 5}, {"id": None}, {"id": "sr:match:1", "status": "settled"}, {"category": "WOMEN", "start_time_tbd": True},
    {"country": "", "league": "", "id": 5},
    {"away_team": "", "participants": ("A", "B"), "id": 5}, {"end_is_estimated": True, "id": 5},
]  # fmt: skip


@pytest.mark.parametrize("given", USERS)
def test_a_users_change_has_all_that_the_row_tells(given):
    row = user_row(**given)
    change = change_of(row)
    assert isinstance(change, UserChange)
    assert (change.id, change.natural_key, change.timestamp) == (row.id, row.natural_key, row.timestamp)
    set_fields = set(UserChange.__struct_fields__) & set(row.__struct_fields__) - set(row.unset_columns)
    assert all(getattr(change, name) == getattr(row, name) for name in set_fields)
    assert set(row.unset_columns) <= set(change.unset_columns)


@pytest.mark.parametrize("given", EVENTS)
def test_an_events_change_has_all_that_the_row_tells(given):
    row = event_row(timestamp=FIRST_MESSAGE, **given)
    change = change_of(row)
    assert isinstance(change, EventChange)
    assert (change.id, change.natural_key, change.match is None) == (row.id, None, row.id is not None)
    assert (change.sport, change.begin_timestamp, change.is_withheld) == (
        row.sport, row.begin_timestamp, row.is_withheld,
    )  # fmt: skip
    for name in ("odd", "country", "away_team", "status"):
        assert getattr(change, name) == (getattr(row, name) or msgspec.UNSET)


def test_an_odd_that_was_not_sent_changes_none():
    row = event_row(id=5, timestamp=FIRST_MESSAGE)
    row.odd, row.is_withheld = None, True
    change = change_of(row)
    assert isinstance(change, EventChange)
    assert (change.odd, change.is_withheld) == (msgspec.UNSET, True)


def test_a_change_is_its_own():
    change = EventChange(id=5, timestamp=FIRST_MESSAGE)
    assert change_of(change) is change
