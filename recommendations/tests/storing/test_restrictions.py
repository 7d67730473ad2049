"""What messages restrict may be stored before their turn, any number of times: it only makes stricter, and changes
nothing in the end."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db.transaction import set_rollback
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from recommendations.models import Event, User, WaitingChange
from recommendations.storing import restrict_events, restrict_users, store_events, store_users
from recommendations.tests.conftest import TEST_DATABASES
from recommendations.tests.factories import at, event_row, removal, user_row
from recommendations.tests.storing_reference import EVENT_STATUSES, status_strictness
from recommendations.tests.threads import run_threads
from recommendations.validation.changes import EventChange, UserChange, change_of
from recommendations.validation.restricting import restricting_parts
from recommendations.validation.rows import Removal
from tenants.routing.connections import casino_atomic, current_alias
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

SLOW = settings(max_examples=scaled(25, 50), suppress_health_check=[HealthCheck.function_scoped_fixture])
STORE: dict[type, Any] = {User: store_users, Event: store_events}
RESTRICT: dict[type, Any] = {User: restrict_users, Event: restrict_events}

ids = st.integers(7, 8)
minutes = st.integers(0, 5)
removals = st.builds(removal, ids, minutes)
limits = st.just(UNSET) | st.none() | st.integers(0, 2).map(Decimal)
untils = st.none() | st.integers(-1, 2).map(lambda years: datetime(2051 + years, 1, 1, tzinfo=UTC))
user_statuses = st.sampled_from([None, "ACTIVE", "TIME_OUT", "SELF_EXCLUDED", "CLOSED"])
event_statuses = st.sampled_from([None, "OPEN", "LIVE", "SUSPENDED", "CANCELLED", "SETTLED"])


def make_user(row_id, minute, year, status, until, stake_limit, limit_left, personalisation):
    """A complete message."""
    ends = until if status else None
    return user_row(id=row_id, timestamp=at(minute), birth_year=year, status=status, status_until=ends,
                    stake_limit=stake_limit, limit_left=limit_left, personalisation=personalisation)  # fmt: skip


def make_user_change(row_id, minute, status, until, stake_limit, is_withheld, personalisation):
    fields = {"stake_limit": stake_limit, "is_withheld": is_withheld, "personalisation": personalisation}
    fields |= {"status": status, "status_until": until} if status else {}
    return UserChange(id=row_id, timestamp=at(minute), **fields)


def make_event(row_id, minute, odd, status):
    return event_row(id=row_id, timestamp=at(minute), odd=odd, status=status, home_team=f"HOME {row_id}")


def make_event_change(row_id, minute, odd, status, is_withheld):
    fields = {"odd": Decimal(odd)} if odd else {"is_withheld": is_withheld}
    return EventChange(id=row_id, timestamp=at(minute), status=status or UNSET, **fields)


withheld = st.sampled_from([UNSET, True])
consents = st.sampled_from([UNSET, True, False])
users = st.lists(
    st.builds(
        make_user,
        ids,
        minutes,
        st.sampled_from([1985, at(0).year - 20]),
        user_statuses,
        untils,
        limits,
        limits,
        consents,
    )
    | st.builds(make_user_change, ids, minutes, user_statuses, untils, limits, st.booleans(), consents)
    | removals,
    max_size=8,
)
events = st.lists(
    st.builds(make_event, ids, minutes, st.integers(2, 4), event_statuses)
    | st.builds(make_event_change, ids, minutes, st.none() | st.integers(2, 4), event_statuses, withheld)
    | removals,
    max_size=8,
)
both = users.map(lambda rows: (User, rows)) | events.map(lambda rows: (Event, rows))


@pytest.fixture
def inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def restrict(model, rows: Iterable[Any]):
    parts = [[row] if isinstance(row, Removal) else restricting_parts(change_of(row)) for row in rows]
    RESTRICT[model]([part for each in parts for part in each])


def as_sent(rows):
    """As in a partition: a removal is of the time of its sending, and no message before it is later."""
    latest = at(0)
    for row in rows:
        latest = max(latest, row.timestamp)
        yield Removal(id=row.id, timestamp=latest) if isinstance(row, Removal) else row


def store(model, rows):
    for row in rows:
        STORE[model]([row])


def rows_of(model):
    """Without times of PostgreSQL's clock: when a row was stored, and the end of an earlier status of a user who is
    restricted again. Restricted before its turn, the user was not opened in between: there was no such end."""
    found = {}
    for row in model.objects.values():
        row["stored_at"] = None
        if row["status"] != "ACTIVE":
            row["restricted_until"] = None
        found[row.pop("id")] = row
    return found


def strictness(row):
    """The more restricted, the higher, in each place."""
    if "odd" in row:
        return [row["is_withheld"], ["OPEN", "LIVE", *EVENT_STATUSES[1:]].index(row["status"])]
    limits = [row["stake_limit"], row["limit_left"]]
    return [
        row["is_withheld"],
        not row["personalisation"],
        status_strictness((row["status"], row["status_until"])),
        *(Decimal("-Infinity") if limit is None else -limit for limit in limits),
    ]


def assert_at_least_as_strict(after, before):
    assert after.keys() <= before.keys()
    for key, row in after.items():
        pairs = zip(strictness(row), strictness(before[key]), strict=True)
        assert all(new >= old for new, old in pairs), (before[key], row)


OPENED_FOR_A_MOMENT = [
    user_row(id=7, timestamp=at(0)),
    UserChange(id=7, timestamp=at(0), status="TIME_OUT", status_until=None),
    user_row(id=7, timestamp=at(1), status="ACTIVE"),
    UserChange(id=7, timestamp=at(1), status="TIME_OUT", status_until=None),
]
WITHHELD_AT_EQUAL_TIMES = [
    make_event(7, 0, 3, None),
    make_event(7, 0, 2, None),
    EventChange(id=7, timestamp=at(0), is_withheld=True),
]


@pytest.mark.no_cover
@pytest.mark.scaled
@SLOW
@given(both, st.integers(0, 8), st.integers(0, 8))
@example((User, OPENED_FOR_A_MOMENT), 0, 0)
@example((Event, WITHHELD_AT_EQUAL_TIMES), 0, 0)
def test_restricting_first_and_again_only_makes_stricter_and_ends_in_the_same_rows(
    inside_casino_a, messages, parked_from, drained
):
    model, rows = messages
    stored, parked = rows[:parked_from], list(as_sent(rows[parked_from:]))

    def in_turn():
        store(model, stored)
        store(model, parked)
        return rows_of(model)

    def restricted():
        store(model, stored)
        before = rows_of(model)
        restrict(model, parked)
        assert_at_least_as_strict(rows_of(model), before)
        store(model, parked[:drained])
        restrict(model, parked)  # by a second consumer, or after a crash
        store(model, parked[drained:])
        before = rows_of(model)
        restrict(model, parked)
        assert rows_of(model) == before, messages
        return before

    after, expected = alone(restricted), alone(in_turn)
    case = "\n".join(map(repr, [parked_from, drained, *rows]))
    assert after.keys() == expected.keys(), case
    differing = {key: found for key, row in expected.items() if (found := _differing(after[key], row))}
    assert not differing, case


def _differing(row, expected):
    """A withheld event may lack the values of a complete message of the same time, since none opens it: the next one
    that does brings all values."""
    is_closed_event = "odd" in expected and expected["is_withheld"]
    names = ("is_withheld", "status") if is_closed_event else expected
    return {name: (row[name], expected[name]) for name in names if row[name] != expected[name]}


def alone(run):
    with casino_atomic():
        result = run()
        set_rollback(True, using=current_alias())
    return result


def test_what_closes_an_event_that_is_not_stored_yet_waits_for_it(inside_casino_a):
    restrict(Event, [event_row(id=7, timestamp=at(5), status="SUSPENDED")])
    store_events([event_row(id=7, timestamp=at(0), status="OPEN")])
    assert Event.objects.get().status == "SUSPENDED"
    assert not WaitingChange.objects.exists()


def test_an_event_without_an_id_is_found_by_its_match(inside_casino_a):
    store_events([event_row(timestamp=at(0)), event_row(timestamp=at(0), home_team="OTHER")])
    restrict(Event, [event_row(timestamp=at(5), status="CANCELLED")])
    assert dict(Event.objects.values_list("home_team", "status")) == {"ARSENAL": "CANCELLED", "OTHER": "OPEN"}


def test_what_is_not_later_than_a_removal_restricts_no_later_row(inside_casino_a):
    parked = [removal(7, 0), user_row(id=7, timestamp=at(0), status="TIME_OUT")]
    store_users([user_row(id=7, timestamp=at(1))])
    restrict(User, parked)
    restricted = rows_of(User)
    store(User, parked)
    assert restricted == rows_of(User)
    assert User.objects.get().status == "ACTIVE"


def test_a_removal_is_not_recorded_before_its_turn_where_a_later_change_keeps_the_row(inside_casino_a):
    parked = [user_row(id=7, timestamp=at(0)), removal(7, 1)]
    store_users([UserChange(id=7, timestamp=at(2), status="TIME_OUT")])  # waits for the row
    restrict(User, parked)
    store(User, parked)
    assert User.objects.get().status == "TIME_OUT"


def test_what_opens_changes_nothing(inside_casino_a):
    store_users([user_row(id=7, timestamp=at(0), status="CLOSED", stake_limit=Decimal(5))])
    before = rows_of(User)
    restrict(User, [user_row(id=7, timestamp=at(5), status="ACTIVE", stake_limit=Decimal(50), limit_left=None)])
    assert {name for name, value in rows_of(User)[7].items() if before[7][name] != value} <= {"stake_limit_as_of"}


def test_a_milder_restriction_keeps_older_messages_from_lifting_the_stored_one(inside_casino_a):
    store_users([user_row(id=7, timestamp=at(0), status="CLOSED")])
    milder = user_row(id=7, timestamp=at(5), status="TIME_OUT", status_until=datetime(2060, 1, 1, tzinfo=UTC))
    restrict(User, [milder])
    store_users([user_row(id=7, timestamp=at(3), status="ACTIVE")])
    assert User.objects.get().status == "CLOSED"
    store_users([milder])
    assert User.objects.get().status == "TIME_OUT"


def test_a_user_who_may_be_too_young_is_withheld_until_the_message_is_stored(inside_casino_a):
    store_users([user_row(id=7, timestamp=at(0), birth_year=1985)])
    young = user_row(id=7, timestamp=at(5), birth_year=at(5).year - 20)
    restrict(User, [young])
    assert User.objects.get().is_withheld
    store_users([young])
    assert not User.objects.get().is_withheld


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)
@pytest.mark.parametrize("model", [User, Event])
def test_two_consumers_restrict_and_store_the_same_rows_at_once(casino_a, casino_b, model):
    make = user_row if model is User else event_row
    closed, opened = ("CLOSED", "ACTIVE") if model is User else ("SETTLED", "OPEN")
    names = {"name": str} if model is User else {"home_team": str}

    def row(number, minute, status):
        return make(id=number, timestamp=at(minute), status=status, **dict.fromkeys(names, f"X {number}"))

    with use_casino(casino_a.current):
        STORE[model]([row(number, 0, opened) for number in range(1, 41)])

    def work(thread):
        for minute in range(1, 4):
            rows = [row(number, minute, closed) for number in range(1, 41)][:: -1 if thread % 2 else 1]
            restrict(model, rows)
            STORE[model](rows)

    run_threads(casino_a, work)
    with use_casino(casino_a.current):
        assert set(model.objects.values_list("status", flat=True)) == {closed}
    with use_casino(casino_b.current):
        assert not model.objects.exists()
