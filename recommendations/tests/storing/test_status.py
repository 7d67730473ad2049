"""An event's status: a message without one keeps it, and only open events are recommended."""

from decimal import Decimal

import pytest

from recommendations.models import Event
from recommendations.storing import store_events, store_users
from recommendations.tests.factories import at, event_row, user_row
from recommendations.tests.recommend import recommend
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

CLOSED = ["SUSPENDED", "CANCELLED", "SETTLED"]
RECOMMENDERS = ["static", "dynamic", "inference", "inference_score"]


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        store_users([user_row(id=31)])
        yield


@pytest.fixture
def recommended_homes(casino_a, now):
    def ask(recommender_type):
        answer = recommend(casino_id=casino_a.pk, recommender_type=recommender_type, user_id=31, now=now)
        return {event.home_team for event in answer.recommended_events}

    return ask


def store_one_by_one(*rows):
    for row in rows:
        store_events([row])


def store_together(*rows):
    store_events(rows)


BATCHES = pytest.mark.parametrize("store", [store_one_by_one, store_together])
KEYS = pytest.mark.parametrize("key", [{"id": 7}, {}], ids=["own id", "no id"])


def status():
    return Event.objects.get().status


@KEYS
def test_a_new_event_is_open(key):
    store_events([event_row(**key)])
    assert status() == "OPEN"


@KEYS
@pytest.mark.parametrize("given", CLOSED)
def test_a_new_event_gets_the_status_of_its_row(key, given):
    store_events([event_row(status=given.lower(), **key)])
    assert status() == given


@KEYS
@BATCHES
@pytest.mark.parametrize("given", CLOSED)
def test_a_row_without_a_status_keeps_the_stored_one(key, store, given):
    store(event_row(status=given, timestamp=at(1), **key), event_row(odd=9, timestamp=at(2), **key))
    assert (status(), Event.objects.get().odd) == (given, Decimal(9))


@KEYS
@BATCHES
def test_a_row_without_status_and_timestamp_keeps_the_stored_status(key, store):
    store(event_row(status="CANCELLED", **key), event_row(odd=8, **key), event_row(odd=9, **key))
    assert (status(), Event.objects.get().odd) == ("CANCELLED", Decimal(9))


@KEYS
@BATCHES
def test_an_event_is_opened_again_only_explicitly(key, store):
    store(event_row(status="SUSPENDED", timestamp=at(1), **key), event_row(timestamp=at(2), **key))
    assert status() == "SUSPENDED"
    store_events([event_row(status="OPEN", timestamp=at(3), **key)])
    assert status() == "OPEN"


def test_a_stale_status_is_not_applied_by_a_later_row_of_its_batch():
    store_events([event_row(id=7, status="OPEN", timestamp=at(2))])
    store_events([event_row(id=7, status="CANCELLED", timestamp=at(1)), event_row(id=7, odd=9, timestamp=at(3))])
    assert (status(), Event.objects.get().odd) == ("OPEN", Decimal(9))


def test_rows_with_and_without_a_status_can_mix_in_one_batch():
    store_events([event_row(id=n, home_team=f"H{n}", status="SUSPENDED") for n in range(1, 5)])
    rows = [event_row(id=n, home_team=f"H{n}", odd=9, status="OPEN" if n % 2 else None) for n in range(1, 7)]
    results = [outcome.result.value for outcome in store_events(rows)]
    assert results == ["updated"] * 4 + ["stored"] * 2
    assert list(Event.objects.order_by("id").values_list("status", flat=True)) == [
        *["OPEN", "SUSPENDED"] * 2,
        *["OPEN"] * 2,
    ]


@pytest.mark.parametrize("recommender_type", RECOMMENDERS)
@pytest.mark.parametrize("given", CLOSED)
def test_an_event_that_is_not_open_is_not_recommended_from_the_next_request_on(
    recommended_homes, recommender_type, given
):
    store_events([event_row(id=n, home_team=f"H{n}", away_team=f"A{n}") for n in (1, 2, 3)])
    assert recommended_homes(recommender_type) == {"H1", "H2", "H3"}
    store_events([event_row(id=2, home_team="H2", away_team="A2", status=given)])
    assert recommended_homes(recommender_type) == {"H1", "H3"}
    store_events([event_row(id=2, home_team="H2", away_team="A2", odd=9)])
    assert recommended_homes(recommender_type) == {"H1", "H3"}
    store_events([event_row(id=2, home_team="H2", away_team="A2", status="OPEN")])
    assert recommended_homes(recommender_type) == {"H1", "H2", "H3"}


@pytest.mark.parametrize("recommender_type", RECOMMENDERS)
def test_nothing_is_recommended_without_open_events(recommended_homes, recommender_type):
    store_events([event_row(id=n, home_team=f"H{n}", status=status) for n, status in enumerate(CLOSED, start=1)])
    assert recommended_homes(recommender_type) == set()
