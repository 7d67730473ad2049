"""Impressions: the first of each is stored, in whatever order they come, and only of stored users."""

import random
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections

from recommendations.models import WHOLE_SLIP, Impression
from recommendations.storing import prune_impressions, store_impressions, store_users
from recommendations.tests.conftest import TEST_DATABASES
from recommendations.tests.factories import UserFactory, at, impression_row, removal, user_row
from recommendations.tests.threads import run_threads, shuffled
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        UserFactory.create(id=7)
        UserFactory.create(id=8)
        yield


def results(rows):
    return [outcome.result.value for outcome in store_impressions(rows)]


def stored():
    rows = Impression.objects.order_by("user_id", "recommendation_id", "kind", "event_id")
    return [(row.user_id, row.recommendation_id.int, row.kind, row.event_id) for row in rows]


def first_times():
    return {row.recommendation_id.int: (row.timestamp, row.placement) for row in Impression.objects.all()}


def test_an_impression_is_stored_with_all_fields_and_may_come_before_its_recommendation():
    assert results([impression_row(3, kind="clicked", event_ids=(5,), placement="home", timestamp=at(4))]) == ["stored"]
    row = Impression.objects.get()
    assert (row.user_id, row.recommendation_id, row.kind, row.event_id) == (7, UUID(int=3), "clicked", 5)
    assert (row.placement, row.timestamp) == ("home", at(4))


def test_without_events_the_whole_slip_was_seen():
    store_impressions([impression_row(1), impression_row(2, event_ids=(6, 5, 6))])
    assert stored() == [(7, 1, "seen", WHOLE_SLIP), (7, 2, "seen", 5), (7, 2, "seen", 6)]


def test_an_impression_sent_twice_is_stored_once_in_one_batch_or_two():
    assert results([impression_row(1), impression_row(2), impression_row(1)]) == ["stored", "stored", "duplicate"]
    assert results([impression_row(3), impression_row(2)]) == ["stored", "duplicate"]
    assert [row[1] for row in stored()] == [1, 2, 3]


def test_the_earliest_time_wins_in_any_order():
    rows = [impression_row(1, timestamp=at(minute)) for minute in (5, 3, 9)]
    assert results(rows) == ["duplicate", "stored", "duplicate"]
    assert results([impression_row(1, timestamp=at(4))]) == ["duplicate"]
    assert results([impression_row(1, timestamp=at(2), placement="home")]) == ["updated"]
    assert first_times() == {1: (at(2), "home")}


def test_any_order_and_division_of_the_messages_stores_the_same_rows():
    rng = random.Random(19)
    rows = [
        impression_row(
            rng.randint(1, 3), kind=rng.choice(["seen", "clicked"]), user_id=rng.choice([7, 8]),
            event_ids=tuple(rng.sample([5, 6, 9], rng.randint(0, 3))), placement=rng.choice(["", "a", "b"]),
            timestamp=at(rng.randint(1, 5)),
        )
        for _ in range(60)
    ]  # fmt: skip
    found = set()
    for _ in range(6):
        Impression.objects.all().delete()
        rng.shuffle(rows)
        cut = rng.randint(1, 59)
        for part in (rows[:cut], rows[cut - 1 :]):
            store_impressions(part)
        found.add(tuple(Impression.objects.order_by("pk").values_list()))
    assert len(found) == 1


def test_an_event_seen_by_a_message_about_several_counts_once():
    assert results([impression_row(1, event_ids=(5, 6)), impression_row(1, event_ids=(6,))]) == ["stored", "duplicate"]
    assert results([impression_row(1, event_ids=(6, 7))]) == ["stored"]
    assert [row[3] for row in stored()] == [5, 6, 7]


def test_another_users_impression_of_a_recommendation_takes_nothing_from_its_own_user():
    assert results([impression_row(1, user_id=8), impression_row(1)]) == ["stored", "stored"]
    assert [row[0] for row in stored()] == [7, 8]


def test_an_impression_of_an_unknown_user_is_not_stored():
    assert results([impression_row(1, user_id=404), impression_row(2), impression_row(3, user_id="nobody")]) == [
        "stale",
        "stored",
        "stale",
    ]
    assert [row[1] for row in stored()] == [2]


def test_removing_a_user_deletes_only_that_users_impressions():
    store_users([user_row(id=9, timestamp=at(1))])
    store_impressions([impression_row(1, user_id=9), impression_row(2, user_id=8)])
    store_users([removal(9, 2)])
    assert [row[1] for row in stored()] == [2]
    assert results([impression_row(4, user_id=9)]) == ["stale"]


def test_a_tombstone_deletes_the_users_impressions_until_its_time():
    rows = [impression_row(1, timestamp=at(1)), impression_row(2, timestamp=at(3)), impression_row(3, user_id=8)]
    assert results([*rows, removal(7, 2), removal(404, 2)]) == ["stored"] * 3 + ["removed", "duplicate"]
    assert [row[1] for row in stored()] == [2, 3]


def test_old_impressions_are_pruned_in_batches_oldest_first():
    store_impressions([impression_row(number, timestamp=at(number)) for number in range(1, 8)])
    assert prune_impressions(at(6), 3) == 3
    assert sorted(first_times()) == [4, 5, 6, 7]
    assert prune_impressions(at(6), 3) == 2
    assert sorted(first_times()) == [6, 7]
    assert prune_impressions(at(6) - timedelta(days=1), 3) == 0


def test_any_number_of_impressions_takes_one_statement(django_assert_num_queries):
    savepoint, statement, release = 1, 1, 1
    with django_assert_num_queries(savepoint + statement + release, connection=connections["casino_1"]):
        store_impressions([impression_row(number, event_ids=(1, 2)) for number in range(500)])


def test_impressions_of_another_casino_are_not_visible(casino_b):
    store_impressions([impression_row(1)])
    with use_casino(casino_b.current, switch=True):
        assert not Impression.objects.exists()


@pytest.mark.django_db(transaction=True, databases=TEST_DATABASES)
def test_concurrent_calls_store_each_impression_once_with_its_earliest_time(casino_a):
    rows = [
        impression_row(number, event_ids=(5, 6), timestamp=at(minute)) for number in range(1, 41) for minute in (1, 2)
    ]
    outcomes = run_threads(casino_a, lambda number: [each.result for each in store_impressions(shuffled(rows, number))])
    assert sum(each == "stored" for found in outcomes for each in found) == 40
    assert set(first_times().values()) == {(at(1), "")}
    assert len(stored()) == 80
