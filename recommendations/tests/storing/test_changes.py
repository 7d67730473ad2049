"""Partial and damaged messages change stored rows: which of several wins, in any batches and orders."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.db.transaction import set_rollback
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from recommendations.errors import InvalidRow
from recommendations.models import Event, EventTeam, Team, User
from recommendations.storing import store_events, store_users
from recommendations.tests.factories import at, event_row, removal, user_row
from recommendations.validation.changes import EventChange, UserChange, change_of
from tenants.routing.connections import casino_atomic, current_alias
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

SLOW = settings(max_examples=scaled(15, 30), suppress_health_check=[HealthCheck.function_scoped_fixture])
EVENING = datetime(2050, 6, 1, 21, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def event_change(minutes, **changes):
    fields: dict[str, Any] = {"id": 7, "timestamp": at(minutes)}
    return EventChange(**fields | changes)


def user_change(minutes, **changes):
    fields: dict[str, Any] = {"id": 7, "timestamp": at(minutes)}
    return UserChange(**fields | changes)


def results(outcomes):
    return [outcome.result.value for outcome in outcomes]


def test_a_change_of_an_unknown_removed_or_generated_row_changes_nothing():
    store_events([event_row(id=8, timestamp=at(0)), removal(8, 1)])
    [stored] = store_events([event_row(timestamp=at(0))])
    changes = [event_change(5, id=row_id, status="cancelled") for row_id in (7, 8, stored.id)]
    assert results(store_events(changes)) == ["not_stored", "not_stored", "id_taken"]
    assert Event.objects.get().status == "OPEN"


def test_a_change_of_nothing_is_none():
    store_events([event_row(id=7, timestamp=at(0))])
    assert results(store_events([event_change(5)])) == ["stale"]


def test_a_row_without_an_id_is_changed_by_its_natural_key():
    row = event_row(timestamp=at(0))
    store_events([row])
    assert results(store_events([event_change(5, id=None, natural_key=row.natural_key, odd=Decimal(3))])) == ["updated"]
    assert Event.objects.get().odd == 3


def test_other_teams_are_stored_and_linked():
    store_events([event_row(id=7, timestamp=at(0))])
    store_events([event_change(5, home_team="Leeds")])
    assert set(EventTeam.objects.values_list("team__name", flat=True)) == {"LEEDS", "CHELSEA"}
    assert Team.objects.filter(name="LEEDS", sport="FOOTBALL").exists()


@pytest.mark.parametrize("together", [True, False])
def test_a_usable_odd_lifts_only_what_was_withheld_before_it(together):
    rows = [event_row(id=7, timestamp=at(0)), event_change(5, is_withheld=True), event_change(5, odd=Decimal(3))]
    for batch in [rows] if together else [[row] for row in rows]:
        store_events(batch)
    assert Event.objects.get().is_withheld, "of equal times, withheld wins"
    store_events([event_change(6, odd=Decimal(3))])
    assert not Event.objects.get().is_withheld


def test_of_a_contradictory_change_only_what_restricts_is_stored():
    store_events([event_row(id=7, timestamp=at(0))])
    assert results(store_events([event_change(5, begin_timestamp=EVENING, odd=Decimal(3), status="settled")])) == [
        "contradicts"
    ]
    stored = Event.objects.get()
    assert (stored.status, stored.is_withheld, stored.odd) == ("SETTLED", True, Decimal("2.5"))


def test_a_birth_date_of_another_year_than_the_stored_one_tells_the_year_too():
    store_users([user_row(id=7, birth_year=1985)])
    store_users([user_change(5, birth_date=date(1986, 1, 1))])
    user = User.objects.get()
    assert (user.birth_year, user.birth_date) == (1986, date(1986, 1, 1))


@pytest.mark.parametrize("together", [True, False])
def test_a_closing_counts_also_after_a_removal_that_is_older_than_the_row(together):
    store_events([event_row(id=7, timestamp=at(2), status=None)])
    rows = [removal(7, 1), event_change(0, status="suspended")]
    for batch in [rows] if together else [[row] for row in rows]:
        store_events(batch)
    assert Event.objects.get().status == "SUSPENDED"


@pytest.mark.parametrize(
    ("make", "changes", "field"),
    [
        (event_change, {"odd": Decimal(1)}, "odd"),
        (event_change, {"home_team": "A", "away_team": "a"}, "away_team"),
        (event_change, {"begin_timestamp": EVENING, "end_timestamp": EVENING}, "end_timestamp"),
        (event_change, {"status": "asleep"}, "status"),
        (event_change, {"id": 0}, "id"),
        (user_change, {"status_until": EVENING}, "status_until"),
        (user_change, {"name": " "}, "name"),
        (user_change, {"birth_year": 1985, "birth_date": date(1986, 1, 1)}, "birth_date"),
    ],
)
def test_an_invalid_change_is_refused_by_field(make, changes, field):
    with pytest.raises(InvalidRow) as refusal:
        make(5, **changes)
    assert refusal.value.field == field


ids, minutes = st.integers(7, 8), st.integers(0, 4)
words = st.sampled_from([UNSET, UNSET, "open", "suspended", "cancelled"])
odds = st.sampled_from([UNSET, Decimal(2), Decimal(3)])


def make_change(row_id, minute, status, odd, league, is_withheld):
    withheld = True if is_withheld else UNSET
    return event_change(
        minute, id=row_id, status=status, odd=UNSET if is_withheld else odd, league=league, is_withheld=withheld
    )


def make_event(row_id, minute, status, odd):
    return event_row(id=row_id, timestamp=at(minute), status=status or None, odd=odd or Decimal(4))


event_messages = st.one_of(
    st.builds(make_event, ids, minutes, words, odds),
    st.builds(make_change, ids, minutes, words, odds, st.sampled_from([UNSET, "A", "B"]), st.booleans()),
    st.builds(make_change, ids, minutes, words, odds, st.just(UNSET), st.booleans()),
    st.builds(removal, ids, minutes),
)


later_changes = st.builds(make_change, st.just(7), st.integers(1, 4), words, odds, st.just(UNSET), st.booleans())


def tables_after(batches):
    with casino_atomic():
        for batch in batches:
            store_events(batch)
        columns = ("id", "status", "status_as_of", "odd", "odd_as_of", "is_withheld", "league", "timestamp")
        rows = list(Event.objects.order_by("id").values_list(*columns))
        set_rollback(True, using=current_alias())
    return rows


@pytest.mark.no_cover
@pytest.mark.scaled
@SLOW
@given(st.lists(event_messages, max_size=12), st.integers(1, 5))
@example(
    [make_change(8, 0, UNSET, UNSET, UNSET, True), make_event(8, 0, UNSET, UNSET), make_event(8, 0, UNSET, Decimal(2))],
    3,
)
def test_a_batch_stores_what_its_messages_store_one_by_one(messages, size):
    """But for the odd of an event that is withheld: nobody is shown it, and a usable one replaces it."""
    batches = [messages[start : start + size] for start in range(0, len(messages), size)]
    together, alone = tables_after(batches), tables_after([[message] for message in messages])
    assert [*map(shown, together)] == [*map(shown, alone)]


@pytest.mark.no_cover
@pytest.mark.scaled
@SLOW
@given(
    st.lists(
        st.builds(make_change, st.just(7), st.integers(1, 4), words, odds, st.just(UNSET), st.booleans()), max_size=8
    ),
    st.randoms(use_true_random=False),
)
def test_changes_of_statuses_and_odds_end_the_same_in_any_order(changes, rng):
    """But for odds of equal times, of which the last to arrive wins, and for those of an event that is withheld."""
    known = [event_row(id=7, timestamp=at(0), status="open")]
    changes = [change for change in changes if change.odd is UNSET or change.odd == change.timestamp.minute % 2 + 2]
    orders = [changes, rng.sample(changes, len(changes))]
    [first], [other] = (tables_after([known, *([change] for change in order)]) for order in orders)
    assert shown(first) == shown(other)


def shown(row):
    """The compared columns of a stored row of `tables_after`."""
    *before, odd, odd_as_of, is_withheld, league, timestamp = row
    return before, None if is_withheld else odd, odd_as_of, is_withheld, league, timestamp


TOGETHER = pytest.mark.parametrize("together", [True, False])


def results_of(store, rows, together):
    return [each for batch in ([rows] if together else [[row] for row in rows]) for each in results(store(batch))]


@TOGETHER
def test_a_change_that_contradicts_is_rejected_also_before_a_later_one_in_its_batch(together):
    store_events([event_row(id=7, timestamp=at(0))])
    rows = [event_change(5, begin_timestamp=EVENING), event_change(6, begin_timestamp=EVENING.replace(hour=19))]
    assert results_of(store_events, rows, together) == ["contradicts", "updated"]
    assert Event.objects.get().is_withheld, "no later message tells a price"


@TOGETHER
def test_a_change_of_nothing_stored_is_none_also_before_the_event_in_its_batch(together):
    rows = [event_change(5, odd=Decimal(3)), event_change(6, odd=Decimal(4)), event_row(id=7, timestamp=at(7))]
    assert results_of(store_events, rows, together) == ["not_stored", "not_stored", "stored"]
    assert results_of(store_events, [event_change(5, id=8), event_change(6, id=8)], together) == ["not_stored"] * 2


@TOGETHER
def test_rows_with_the_id_of_a_generated_row_are_each_rejected(together):
    [generated] = store_events([event_row(timestamp=at(0))])
    rows = [event_row(id=generated.id, timestamp=at(minute)) for minute in (1, 2)]
    assert results_of(store_events, rows, together) == ["id_taken"] * 2


@TOGETHER
@pytest.mark.parametrize("minutes", [(1, 2), (2, 1)])
def test_a_row_is_stored_also_beside_a_change_that_makes_none(together, minutes):
    row = event_row(id=7, timestamp=at(1), odd=Decimal(3))
    unwanted = msgspec.structs.replace(change_of(event_row(id=7, timestamp=at(2), odd=Decimal(4))), makes_row=False)
    rows = [row, unwanted] if minutes == (1, 2) else [unwanted, row]
    expected = ["stored", "updated"] if minutes == (1, 2) else ["not_stored", "stored"]
    assert results_of(store_events, rows, together) == expected
    assert Event.objects.get().odd == (4 if minutes == (1, 2) else 3)


@TOGETHER
def test_what_is_superseded_by_a_change_of_a_stored_row_is_a_duplicate(together):
    store_events([event_row(id=7, timestamp=at(0))])
    rows = [event_change(5, odd=Decimal(3)), event_change(6, odd=Decimal(4))]
    assert results_of(store_events, rows, together) == ["duplicate" if together else "updated", "updated"]
