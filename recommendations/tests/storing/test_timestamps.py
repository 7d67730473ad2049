"""The row with the latest timestamp wins, in any order and any batches."""

from itertools import permutations

import pytest

from recommendations.models import Event, User
from recommendations.storing import store_events, store_users
from recommendations.tests.factories import at, event_row, user_row
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

ODDS = {"SPAIN": 2, "ITALY": 3, "FRANCE": 4, **{f"COUNTRY {n}": 5 + (n or 0) for n in (None, 1, 2, 3, 4)}}


def user(minutes, country):
    return user_row(id=7, timestamp=at(minutes), country=country)


def event(minutes, country):
    return event_row(id=7, timestamp=None if minutes is None else at(minutes), country=country)


def nameless_event(minutes, country):
    """In another country it would be another event: its odd stands for the country."""
    return event_row(timestamp=None if minutes is None else at(minutes), odd=ODDS[country])


KINDS = pytest.mark.parametrize(
    ("store", "row", "model"), [(store_users, user, User), (store_events, event, Event)], ids=["users", "events"]
)
EVENTS = pytest.mark.parametrize("row", [event, nameless_event])


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def results(outcomes):
    return [outcome.result.value for outcome in outcomes]


def state(model):
    stored = model.objects.get()
    country = stored.country
    if getattr(stored, "natural_key", None) is not None:
        [country] = [each for each, odd in ODDS.items() if odd == stored.odd]
    return country, stored.timestamp


@KINDS
def test_a_later_row_updates_the_stored_one(store, row, model):
    store([row(1, "SPAIN")])
    assert results(store([row(2, "ITALY")])) == ["updated"]
    assert state(model) == ("ITALY", at(2))


@KINDS
def test_an_earlier_row_is_stale_and_changes_nothing(store, row, model):
    store([row(2, "ITALY")])
    outcomes = store([row(1, "SPAIN")])
    assert [(outcome.result.value, outcome.id) for outcome in outcomes] == [("stale", None)]
    assert state(model) == ("ITALY", at(2))


@KINDS
def test_an_earlier_row_with_equal_values_is_stale(store, row, model):
    store([row(2, "ITALY")])
    assert results(store([row(1, "ITALY")])) == ["stale"]
    assert state(model) == ("ITALY", at(2))


@KINDS
def test_at_equal_times_the_last_row_wins(store, row, model):
    store([row(1, "SPAIN")])
    assert results(store([row(1, "ITALY")])) == ["updated"]
    assert results(store([row(1, "SPAIN"), row(1, "FRANCE")])) == ["duplicate", "updated"]
    assert state(model) == ("FRANCE", at(1))


@KINDS
def test_an_equal_row_is_a_duplicate(store, row, model):
    store([row(1, "SPAIN")])
    assert results(store([row(1, "SPAIN")])) == ["duplicate"]


@KINDS
def test_an_equal_row_with_a_later_time_makes_rows_in_between_stale(store, row, model):
    store([row(1, "SPAIN")])
    assert results(store([row(3, "SPAIN")])) == ["updated"]
    assert results(store([row(2, "ITALY")])) == ["stale"]
    assert state(model) == ("SPAIN", at(3))


@KINDS
@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
def test_within_one_batch_the_latest_wins_in_any_order(store, row, model, order):
    outcomes = store([row(minutes, f"COUNTRY {minutes}") for minutes in order])
    assert sorted(results(outcomes)) == ["duplicate", "duplicate", "stored"]
    assert outcomes[order.index(3)].id == 7
    assert state(model) == ("COUNTRY 3", at(3))


@KINDS
@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
def test_in_separate_batches_the_latest_wins_in_any_order(store, row, model, order):
    for minutes in order:
        store([row(minutes, f"COUNTRY {minutes}")])
    assert state(model) == ("COUNTRY 3", at(3))


@KINDS
def test_a_batch_can_be_partly_stale(store, row, model):
    store([row(5, "SPAIN")])
    assert results(store([row(1, "ITALY"), row(2, "FRANCE")])) == ["duplicate", "stale"]
    assert results(store([row(6, "ITALY"), row(2, "FRANCE")])) == ["updated", "duplicate"]
    assert state(model) == ("ITALY", at(6))


@EVENTS
def test_an_event_without_a_timestamp_replaces_any_and_keeps_the_stored_timestamp(row):
    store_events([row(5, "SPAIN")])
    assert results(store_events([row(None, "ITALY")])) == ["updated"]
    assert state(Event) == ("ITALY", at(5))
    assert results(store_events([row(4, "FRANCE")])) == ["stale"]


@EVENTS
def test_any_timestamp_is_later_than_none(row):
    store_events([row(None, "SPAIN")])
    assert results(store_events([row(1, "ITALY")])) == ["updated"]
    assert state(Event) == ("ITALY", at(1))


@EVENTS
@pytest.mark.parametrize("order", list(permutations([1, 2, None])))
def test_rows_with_and_without_timestamps_in_one_batch_equal_those_one_by_one(row, order):
    rows = [row(minutes, f"COUNTRY {minutes}") for minutes in order]
    store_events(rows)
    together = state(Event)
    Event.objects.all().delete()
    for each in rows:
        store_events([each])
    assert state(Event) == together


def test_timestamps_are_compared_within_one_casino(casino_b):
    store_users([user(5, "SPAIN")])
    with use_casino(casino_b.current, switch=True):
        assert results(store_users([user(1, "ITALY")])) == ["stored"]
    assert state(User) == ("SPAIN", at(5))


def test_a_user_without_an_id_is_not_overwritten_by_an_earlier_row():
    store_users([user_row(currency="EUR", timestamp=at(2))])
    assert results(store_users([user_row(currency="USD", timestamp=at(1))])) == ["stale"]
    assert User.objects.get().currency == "EUR"
