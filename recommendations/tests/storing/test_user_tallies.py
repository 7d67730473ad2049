"""Users' tallies in the database: merged in batches, and always equal to a recount of the user's coupons."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.db.transaction import set_rollback
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommendations.models import PurchasedCoupon, User, UserProfile, UserTallies
from recommendations.storing import rebuild_casino_tallies, rebuild_profiles, store_coupons, store_events, store_users
from recommendations.storing.user_tallies import MAX_OLDER_EVENTS, MERGE_AT
from recommendations.tests.factories import (
    CouponFactory,
    at,
    coupon_row,
    event_row,
    removal,
    selection,
    selection_row,
    team,
    user_row,
)
from recommendations.tests.profile_counts import assert_counts_equal_a_recount, assert_tallies_equal_a_recount
from recommendations.tests.user_context_of import read_tallies
from tenants.routing.connections import casino_atomic, casino_connection, current_alias
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, fresh_ids):
    with use_casino(casino_a.current):
        store_users([user_row(id=number) for number in (1, 2, 3)])
        yield


def pending(user_id=1):
    return len(UserProfile.objects.get(user_id=user_id).pending_coupon_ids)


def store(count, **fields):
    store_coupons([coupon_row(**{"user_id": 1} | fields) for _ in range(count)])


def test_coupons_stay_unmerged_until_there_are_enough():
    store(MERGE_AT - 1)
    assert (pending(), UserTallies.objects.count()) == (MERGE_AT - 1, 0)
    store(1, user_id=2)
    store(1)
    assert (pending(), UserTallies.objects.count()) == (0, 1)
    store(1)
    assert (pending(), pending(2)) == (1, 1)
    assert_counts_equal_a_recount()


@pytest.mark.covered
def test_many_coupons_of_many_users_in_one_call_are_merged():
    store_coupons([coupon_row(user_id=1 + number % 3, timestamp=at(-number)) for number in range(1000)])
    assert pending() == 0
    assert_counts_equal_a_recount()


def test_waiting_coupons_are_tallied_when_their_user_is_stored():
    store(MERGE_AT + 1, user_id=9)
    assert not UserProfile.objects.filter(user_id=9).exists()
    store_users([user_row(id=9)])
    assert pending(9) == 0
    store(2, user_id=9)
    assert_counts_equal_a_recount()


@pytest.mark.parametrize("count", [3, MERGE_AT + 3])
def test_a_removed_coupon_is_subtracted_from_the_tallies(count):
    store_coupons(
        [
            coupon_row(id=n, user_id=1, recommended_events=(selection_row(league=f"LEAGUE {n}"),), timestamp=at(n))
            for n in range(1, count + 1)
        ]
    )
    store_coupons([removal(1, 99), removal(count, 99)])
    assert len(read_tallies(1).recent) == count - 2
    assert_counts_equal_a_recount()


def test_removing_a_user_removes_the_tallies():
    store(MERGE_AT + 1)
    store(2, user_id=2)
    store_users([removal(1, 10**6)])
    assert not UserTallies.objects.exists()
    assert list(UserProfile.objects.order_by("user_id").values_list("user_id", flat=True)) == [2, 3]
    assert_counts_equal_a_recount()


def test_deleting_a_user_by_the_orm_deletes_the_tallies():
    store(MERGE_AT)
    User.objects.get(pk=1).delete()
    assert not UserTallies.objects.exists()


@pytest.mark.parametrize(
    "broken",
    [
        [{}, selection(league=None), selection(home_team=""), selection(event_id=2**70), selection(odd="2.5")],
        [selection(odd=1e300), 7, None],
        {"sport": "FOOTBALL"},
        None,
    ],
)
def test_invalid_selections_written_by_hand_are_ignored(broken):
    store(MERGE_AT - 1)
    by_hand = CouponFactory.create(user_id=1, recommended_events=[])
    with casino_connection().cursor() as cursor:
        cursor.execute("UPDATE purchased_coupons SET recommended_events = %s::jsonb", [json.dumps(broken)])
        cursor.execute("UPDATE users_profile SET pending_coupon_ids = pending_coupon_ids || %s", [by_hand.pk])
    assert not read_tallies(1).recent
    store(1)
    rebuild()
    assert len(read_tallies(1).recent) == 1


def test_older_events_that_are_over_or_missing_are_forgotten():
    soon = datetime.now(UTC) + timedelta(days=1)
    times = {"begin_timestamp": soon, "end_timestamp": soon + timedelta(hours=2)}
    past = {"begin_timestamp": at(0), "end_timestamp": at(9)}
    store_events([event_row(id=1, **times), event_row(id=2, **past), event_row(home_team="LEEDS", **times)])
    leeds = [selection_row(home_team="LEEDS", category=category) for category in ("", "WOMEN")]
    first = [selection_row(event_id=1), selection_row(event_id=2), *leeds]
    missing = [selection_row(event_id=number) for number in range(100, 100 + MAX_OLDER_EVENTS)]
    recent = [selection_row(event_id=999)] * 300
    for age, selections in enumerate((recent, missing, first)):
        for start in range(0, len(selections), 50):
            store(1, timestamp=at(-age * 1000 + start), recommended_events=tuple(selections[start : start + 50]))
    store(MERGE_AT)
    matches = {(team("LEEDS", category=each), team("CHELSEA", category=each)) for each in ("", "WOMEN")}
    assert read_tallies(1).older_events >= {1, *matches}  # the event has no category: each bet may be on it
    assert not read_tallies(1).older_events & {2, 100}
    assert_tallies_equal_a_recount()


def test_a_rebuild_of_very_many_selections_keeps_an_old_bet_on_an_open_event():
    soon = datetime.now(UTC) + timedelta(days=1)
    store_events([event_row(id=1, begin_timestamp=soon, end_timestamp=soon + timedelta(hours=2))])
    numbers = [1, *range(100, 20_900)]  # all but the first are missing, with ever new names
    picks = [selection(event_id=number, home_team=f"H{number}") for number in numbers]
    for age, start in enumerate(range(0, len(picks), 50)):
        CouponFactory(user_id=1, timestamp=at(age), recommended_events=picks[start : start + 50])
    assert sum(rebuild_profiles()) == 3
    assert 1 in read_tallies(1).older_events


def rebuild():
    users = sum(rebuild_profiles())
    rebuild_casino_tallies()
    return users


def test_a_rebuild_counts_coupons_inserted_with_psql():
    User.objects.bulk_create([User(id=4, birth_year=1985, timestamp=at(0))])
    CouponFactory.create_batch(3, user_id=4)
    CouponFactory.create_batch(2, user_id=1)
    store(1)
    assert rebuild() == 4
    assert_counts_equal_a_recount()
    store(MERGE_AT)
    assert_counts_equal_a_recount()


def test_a_profile_that_needs_a_rebuild_is_rebuilt_when_its_coupons_are_merged():
    CouponFactory.create_batch(5, user_id=1)
    UserProfile.objects.filter(user_id=1).update(needs_rebuild=True)
    store(MERGE_AT - 1)
    assert len(read_tallies(1).recent) == MERGE_AT - 1 + 5  # reading counts all of them
    store(1)
    assert not UserProfile.objects.get(user_id=1).needs_rebuild
    assert_tallies_equal_a_recount()


@pytest.mark.slow
def test_coupons_too_large_to_read_at_once_are_merged_all_the_same():
    megabyte = {"padding": "x" * 1_000_000}
    CouponFactory.create_batch(68, user_id=1, recommended_events=[selection() | megabyte])
    UserProfile.objects.filter(user_id=1).update(needs_rebuild=True)
    store(MERGE_AT)
    assert (pending(), UserProfile.objects.get(user_id=1).needs_rebuild) == (0, False)
    assert sum(read_tallies(1).counts["sport"].values()) == 68 + MERGE_AT


def test_tallies_of_an_unknown_format_are_rebuilt_at_the_next_merge():
    store(MERGE_AT)
    UserTallies.objects.update(tallies=b"of the future")
    store(MERGE_AT)
    assert_counts_equal_a_recount()


def test_a_rebuild_can_be_limited_to_marked_profiles():
    UserProfile.objects.filter(user_id__in=(1, 3)).update(needs_rebuild=True)
    assert sum(rebuild_profiles(only_marked=True)) == 2
    assert sum(rebuild_profiles(only_marked=True)) == 0


selections = st.lists(
    st.builds(
        lambda event_id, league, odd: selection_row(event_id=event_id, league=league, odd=Decimal(odd) / 100),
        st.none() | st.integers(1, 5),
        st.sampled_from("ABC"),
        st.integers(101, 1500),
    ),
    min_size=1,
    max_size=8,
).map(tuple)
coupons = st.builds(
    lambda number, minute, chosen: coupon_row(
        id=number, user_id=1 + number % 2, timestamp=at(minute), recommended_events=chosen
    ),
    st.integers(1, 150),
    st.integers(-100_000, 100_000),
    selections,
)
batches = st.lists(coupons | coupons | coupons | st.builds(removal, st.integers(1, 150), st.just(1)), max_size=60)


@pytest.mark.no_cover
@pytest.mark.scaled
@settings(max_examples=scaled(10, 20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(batches, max_size=8))
def test_a_rebuild_gives_the_same_tallies_as_storing_coupon_by_coupon(calls):
    with casino_atomic():
        for rows in calls:
            store_coupons(rows)
        assert_counts_equal_a_recount()
        store_coupons([coupon_row(user_id=1)])  # the casino's sum is not merged yet
        rebuild()
        assert pending() == pending(2) == 0
        assert_counts_equal_a_recount()
        set_rollback(True, using=current_alias())


def test_other_casinos_stay_unchanged(casino_b):
    store(MERGE_AT)
    rebuild()
    with connections[casino_b.current.alias].cursor() as cursor:
        for table in ("user_tallies", "casino_tallies", "pending_casino_sums"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,)
    assert PurchasedCoupon.objects.count() == MERGE_AT
