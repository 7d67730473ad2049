"""What was served is announced: to listeners, in the process, for the casino whose request it was."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from recommendations.errors import UserNotFound
from recommendations.services import recommend
from recommendations.serving import served
from recommendations.serving.served import ServedEvent, ServedRecommendation, announce, listen
from recommendations.tests.factories import EventFactory, UserFactory
from tenants.errors import NoCurrentCasino
from tenants.routing.context import use_casino

EXAMPLE = ServedRecommendation(
    recommendation_id=UUID(int=1),
    user_id=31,
    timestamp=datetime(2026, 6, 1, tzinfo=UTC),
    recommender="inference",
    asked_for="inference",
    stake=Decimal("25.51"),
    currency="EUR",
    events=(ServedEvent(7, 2.69, 0.5),),
)


@pytest.fixture(autouse=True)
def _only_listeners_of_the_test() -> Iterator[None]:
    before = served._listeners[:]
    served._listeners.clear()
    yield
    served._listeners[:] = before


@pytest.fixture
def heard():
    told = []

    def hear(casino_id, recommendation):
        told.append((casino_id, recommendation))

    listen(hear)
    listen(hear)  # which changes nothing
    return told


def fill(casino):
    with use_casino(casino.current):
        UserFactory.create(id=31, currency="GBP")
        EventFactory.create_batch(5)


def test_each_recommendation_is_announced_once_for_its_own_casino(casino_a, casino_b, heard, now):
    for casino in (casino_a, casino_b):
        fill(casino)
        with use_casino(casino.current):
            recommend(casino_id=casino.pk, recommender_type="static", user_id=31, now=now)
    assert [casino_id for casino_id, _ in heard] == [1, 2]


def test_what_is_announced_is_what_was_recommended(casino_a, heard, now):
    fill(casino_a)
    with use_casino(casino_a.current):
        slip = recommend(casino_id=1, recommender_type="dynamic", user_id=31, now=now)
    [(_, told)] = heard
    assert (told.recommendation_id, told.user_id, told.timestamp) == (slip.recommendation_id, 31, now)
    assert (told.recommender, told.asked_for) == ("dynamic", "dynamic")
    assert (told.stake, told.currency) == (slip.stake, "GBP")
    assert 0 < told.took_ms < 60_000
    assert [(event.event_id, event.odd) for event in told.events] == [
        (event.event_id, event.odd) for event in slip.recommended_events
    ]


def test_what_was_not_served_is_not_announced(casino_a, heard, now):
    with use_casino(casino_a.current), pytest.raises(UserNotFound):
        recommend(casino_id=1, recommender_type="static", user_id=31, now=now)
    assert heard == []


def test_where_nobody_listens_nothing_happens():
    announce(EXAMPLE)


def test_what_belongs_to_no_casino_is_announced_to_nobody(heard):
    with pytest.raises(NoCurrentCasino):
        announce(EXAMPLE)


def test_a_listener_that_fails_costs_neither_the_request_nor_the_other_listeners(casino_a, caplog, now):
    def fail(casino_id, recommendation):
        raise ValueError("broken")

    told = []
    listen(fail)
    listen(lambda casino_id, _: told.append(casino_id))
    fill(casino_a)
    with use_casino(casino_a.current):
        slip = recommend(casino_id=1, recommender_type="static", user_id=31, now=now)
    assert len(slip.recommended_events) == 3
    assert told == [1]
    assert "ValueError: broken" in caplog.text
