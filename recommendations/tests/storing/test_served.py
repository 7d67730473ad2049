"""What was served, in its casino's database: each recommendation once, while its user is there, for so many days."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connections

from recommendations.models import ServedSlip
from recommendations.storing import prune_recommendations, store_recommendations, store_users
from recommendations.tests.factories import UserFactory, at, removal, served_row, user_row
from tenants.routing.context import use_casino


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        UserFactory.create(id=7)
        UserFactory.create(id=8)
        yield


def results(rows):
    return [outcome.result.value for outcome in store_recommendations(rows)]


def kept():
    return sorted(served.recommendation_id.int for served in ServedSlip.objects.all())


def test_what_was_served_is_stored_as_it_was():
    row = served_row(3, fallback="trending", model_version="als-7", currency="GBP", took_ms=2.25)
    assert results([row]) == ["stored"]
    stored = ServedSlip.objects.get()
    assert (stored.recommendation_id, stored.user_id, stored.timestamp) == (UUID(int=3), 7, row.timestamp)
    assert (stored.recommender, stored.asked_for, stored.fallback) == ("static", "inference", "trending")
    assert (stored.model_version, stored.stake, stored.currency) == ("als-7", Decimal("10.00"), "GBP")
    assert stored.events == [{"event_id": 5, "odd": 2.5, "score": 0.25}, {"event_id": 6, "odd": 1.5, "score": None}]
    assert stored.took_ms == 2.25


def test_what_an_older_release_served_says_not_how_long_it_took():
    assert results([served_row(1)]) == ["stored"]
    assert ServedSlip.objects.get().took_ms is None


def test_a_recommendation_of_nothing_is_stored_too():
    assert results([served_row(1, events=())]) == ["stored"]
    assert ServedSlip.objects.get().events == []


def test_a_recommendation_is_stored_once_within_a_batch_and_between_two():
    assert results([served_row(1), served_row(2), served_row(1)]) == ["stored", "stored", "duplicate"]
    assert results([served_row(3), served_row(2)]) == ["stored", "duplicate"]
    assert kept() == [1, 2, 3]


def test_the_first_word_stays():
    store_recommendations([served_row(1)])
    store_recommendations([served_row(1, user_id=8)])
    assert ServedSlip.objects.get().user_id == 7


def test_what_was_shown_to_a_user_who_is_no_more_is_not_stored():
    assert results([served_row(1, user_id=404), served_row(2)]) == ["stale", "stored"]
    assert kept() == [2]


def test_a_removed_user_takes_along_what_was_served_and_others_keep_theirs():
    store_users([user_row(id=9, timestamp=at(1))])
    store_recommendations([served_row(1, user_id=9), served_row(2, user_id=8), served_row(3, user_id=9)])
    store_users([removal(9, 2)])
    assert kept() == [2]
    assert results([served_row(4, user_id=9)]) == ["stale"]


def test_a_tombstone_clears_what_its_user_was_shown_until_then():
    rows = [served_row(1, timestamp=at(1)), served_row(2, timestamp=at(3)), served_row(3, timestamp=at(1), user_id=8)]
    assert results([*rows, removal(7, 2), removal(404, 2)]) == ["stored"] * 3 + ["removed", "duplicate"]
    assert kept() == [2, 3]


def test_old_ones_are_pruned_some_at_a_time_the_oldest_first():
    store_recommendations([served_row(number, timestamp=at(number)) for number in range(1, 8)])
    assert prune_recommendations(at(6), 3) == 3
    assert kept() == [4, 5, 6, 7]
    assert prune_recommendations(at(6), 3) == 2
    assert kept() == [6, 7]
    assert prune_recommendations(at(6) - timedelta(days=1), 3) == 0


def test_any_number_takes_one_statement(django_assert_num_queries):
    savepoint, statement, release = 1, 1, 1
    with django_assert_num_queries(savepoint + statement + release, connection=connections["casino_1"]):
        store_recommendations([served_row(number) for number in range(500)])


def test_the_other_casino_has_none_of_it(casino_b):
    store_recommendations([served_row(1)])
    with use_casino(casino_b.current, switch=True):
        assert not ServedSlip.objects.exists()
