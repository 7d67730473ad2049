"""Properties of all storing functions: one call is one transaction in one casino's database."""

from functools import partial

import pytest
from django.db import IntegrityError

from recommendations.models import Event, EventTeam, PurchasedCoupon, Team, User, UserProfile
from recommendations.storing import TeamKey, store_coupons, store_events, store_teams, store_users
from recommendations.tests.factories import UserFactory, coupon_row, event_row, selection_row, user_row
from tenants.errors import NoCurrentCasino
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow

BUYER = 9000
CALLS = [(store_users, user_row), (store_events, event_row), (store_coupons, partial(coupon_row, user_id=BUYER))]
TABLES = [User, UserProfile, Event, Team, EventTeam, PurchasedCoupon]


@pytest.fixture(autouse=True)
def _a_buyer(casino_a, casino_b):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory.create(id=BUYER)


def rows_in(casino):
    with use_casino(casino.current):
        counts = {model.__name__: model.objects.count() for model in TABLES}
    return counts | {"User": counts["User"] - 1}  # without the buyer


@pytest.mark.parametrize(("store", "row"), CALLS)
def test_an_empty_call_stores_nothing(casino_a, store, row):
    with use_casino(casino_a.current):
        assert store([]) == []
    assert set(rows_in(casino_a).values()) == {0}


@pytest.mark.parametrize(("store", "row"), CALLS)
def test_storing_requires_a_current_casino(casino_a, store, row):
    with pytest.raises(NoCurrentCasino):
        store([row(id=1)])


@pytest.mark.parametrize(("store", "row"), CALLS)
def test_rows_go_to_the_current_casino_only(casino_a, casino_b, store, row):
    with use_casino(casino_a.current):
        store([row(id=1)])
    assert set(rows_in(casino_b).values()) == {0}
    with use_casino(casino_b.current):
        assert store([row(id=1)])[0].result == "stored"


@pytest.mark.parametrize(("store", "row"), CALLS)
def test_one_row_rejected_by_the_database_rolls_back_the_whole_call(casino_a, store, row):
    bad = row(id=3)
    bad.id = -3  # set after validation, rejected by the database
    with use_casino(casino_a.current), pytest.raises(IntegrityError):
        store([row(id=1), bad, row(id=5), row()])
    assert set(rows_in(casino_a).values()) == {0}
    with use_casino(casino_a.current):
        assert [outcome.result for outcome in store([row(id=1)])] == ["stored"]


def test_coupons_are_not_stored_if_counting_fails(casino_a):
    with use_casino(casino_a.current):
        store_coupons([coupon_row(id=1, user_id=BUYER)])
        with casino_connection().cursor() as cursor:
            cursor.execute("ALTER TABLE users_profile ADD CONSTRAINT few CHECK (coupon_count < 3)")
        with pytest.raises(IntegrityError):
            store_coupons([coupon_row(id=2, user_id=BUYER), coupon_row(id=3, user_id=BUYER)])
        assert list(PurchasedCoupon.objects.values_list("pk", flat=True)) == [1]
        assert UserProfile.objects.get().coupon_count == 1


@pytest.mark.covered
@pytest.mark.parametrize(("store", "row"), CALLS)
def test_5000_rows_are_stored_in_a_few_queries(casino_a, store, row, django_assert_max_num_queries):
    rows = [row(id=n) for n in range(1, 5001)]
    with use_casino(casino_a.current), django_assert_max_num_queries(11, connection=casino_connection()):
        outcomes = store(rows)
    assert [outcome.id for outcome in outcomes] == list(range(1, 5001))


@pytest.mark.parametrize(("numbers", "statements"), [([None, None], 2), ([1, 2], 3), ([1, None], 3)])
def test_coupons_of_known_users_take_two_statements_and_one_for_the_id_sequence(
    casino_a, numbers, statements, django_assert_num_queries
):
    rows = [coupon_row(id=number, user_id=BUYER) for number in numbers]
    queries = 1 + statements + 1  # between begin and commit
    with use_casino(casino_a.current), django_assert_num_queries(queries, connection=casino_connection()):
        store_coupons(rows)


@pytest.mark.covered
def test_thousands_of_events_are_linked_to_thousands_of_teams(casino_a):
    with use_casino(casino_a.current):
        for name in ("FIRST", "SECOND"):
            store_events([event_row(id=n, home_team=f"{name} {n}") for n in range(1, 5001)])
        assert EventTeam.objects.count() == 10_000


def test_a_coupon_can_have_50_selections(casino_a):
    selections = tuple(selection_row(event_id=n) for n in range(1, 51))
    with use_casino(casino_a.current):
        store_coupons([coupon_row(id=1, user_id=BUYER, recommended_events=selections)])
        stored = PurchasedCoupon.objects.get().recommended_events
    assert [each["event_id"] for each in stored] == list(range(1, 51))


def test_store_teams_requires_a_current_casino(casino_a):
    with pytest.raises(NoCurrentCasino):
        store_teams([TeamKey("ARSENAL", "FOOTBALL", "ENGLAND")])
