"""Served recommendations: each is stored once, only for stored users, and pruned when old."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connections

from recommendations.errors import InvalidRow
from recommendations.models import ServedSlip
from recommendations.storing import prune_recommendations, store_recommendations, store_users
from recommendations.tests.factories import UserFactory, at, removal, served_row, user_row
from recommendations.validation.rows import ServedEventRow
from tenants.routing.context import use_casino


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        UserFactory.create(id=7)
        UserFactory.create(id=8)
        yield


def results(rows):
    return [outcome.result.value for outcome in store_recommendations(rows)]


def stored_numbers():
    return sorted(served.recommendation_id.int for served in ServedSlip.objects.all())


NAMED = {"placement": "home", "experiment": "trees", "variant": "b", "propensity": 0.25, "shown": False}


def test_placement_and_experiment_are_stored():
    drafted = ServedEventRow(event_id=5, odd=Decimal(2), team="A", first_team="B", propensity=0.5, candidates=(5, 7))
    store_recommendations([served_row(3, events=(drafted,), **NAMED)])
    stored = ServedSlip.objects.get()
    assert {name: getattr(stored, name) for name in NAMED} == NAMED
    assert [stored.events[0][name] for name in ("team", "first_team", "propensity")] == ["A", "B", 0.5]
    assert stored.events[0]["candidates"] == [5, 7]


def test_a_refusal_is_stored_and_longer_names_are_refused():
    store_recommendations([served_row(3, events=(), stake=Decimal(0), refusal="time_out")])
    assert ServedSlip.objects.values_list("refusal", "placement", "shown").get() == ("time_out", "", True)
    with pytest.raises(InvalidRow, match="placement has 41 characters; must have at most 40"):
        served_row(4, placement="x" * 41)


def test_a_served_recommendation_is_stored_with_all_fields():
    row = served_row(3, fallback="trending", model_version="als-7", currency="GBP", took_ms=2.25)
    assert results([row]) == ["stored"]
    stored = ServedSlip.objects.get()
    assert (stored.recommendation_id, stored.user_id, stored.timestamp) == (UUID(int=3), 7, row.timestamp)
    assert (stored.recommender, stored.asked_for, stored.fallback) == ("static", "inference", "trending")
    assert (stored.model_version, stored.stake, stored.currency) == ("als-7", Decimal("10.00"), "GBP")
    assert stored.events == [{"event_id": 5, "odd": 2.5, "score": 0.25}, {"event_id": 6, "odd": 1.5, "score": None}]
    assert stored.took_ms == 2.25


def test_a_recommendation_of_an_older_release_has_no_latency():
    assert results([served_row(1)]) == ["stored"]
    assert ServedSlip.objects.get().took_ms is None


def test_a_recommendation_without_events_is_stored():
    assert results([served_row(1, events=())]) == ["stored"]
    assert ServedSlip.objects.get().events == []


def test_a_recommendation_sent_twice_is_stored_once_in_one_batch_or_two():
    assert results([served_row(1), served_row(2), served_row(1)]) == ["stored", "stored", "duplicate"]
    assert results([served_row(3), served_row(2)]) == ["stored", "duplicate"]
    assert stored_numbers() == [1, 2, 3]


def test_the_first_row_of_a_recommendation_is_final():
    store_recommendations([served_row(1)])
    store_recommendations([served_row(1, user_id=8)])
    assert ServedSlip.objects.get().user_id == 7


def test_a_recommendation_for_a_removed_user_is_not_stored():
    assert results([served_row(1, user_id=404), served_row(2)]) == ["stale", "stored"]
    assert stored_numbers() == [2]


def test_removing_a_user_deletes_only_that_users_recommendations():
    store_users([user_row(id=9, timestamp=at(1))])
    store_recommendations([served_row(1, user_id=9), served_row(2, user_id=8), served_row(3, user_id=9)])
    store_users([removal(9, 2)])
    assert stored_numbers() == [2]
    assert results([served_row(4, user_id=9)]) == ["stale"]


def test_a_tombstone_deletes_the_users_recommendations_until_its_time():
    rows = [served_row(1, timestamp=at(1)), served_row(2, timestamp=at(3)), served_row(3, timestamp=at(1), user_id=8)]
    assert results([*rows, removal(7, 2), removal(404, 2)]) == ["stored"] * 3 + ["removed", "duplicate"]
    assert stored_numbers() == [2, 3]


def test_old_recommendations_are_pruned_in_batches_oldest_first():
    store_recommendations([served_row(number, timestamp=at(number)) for number in range(1, 8)])
    assert prune_recommendations(at(6), 3) == 3
    assert stored_numbers() == [4, 5, 6, 7]
    assert prune_recommendations(at(6), 3) == 2
    assert stored_numbers() == [6, 7]
    assert prune_recommendations(at(6) - timedelta(days=1), 3) == 0


def test_any_number_of_recommendations_takes_one_statement(django_assert_num_queries):
    savepoint, statement, release = 1, 1, 1
    with django_assert_num_queries(savepoint + statement + release, connection=connections["casino_1"]):
        store_recommendations([served_row(number) for number in range(500)])


def test_recommendations_of_another_casino_are_not_visible(casino_b):
    store_recommendations([served_row(1)])
    with use_casino(casino_b.current, switch=True):
        assert not ServedSlip.objects.exists()
