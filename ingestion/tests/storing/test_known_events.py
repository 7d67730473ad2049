"""Selections that have only the event's id are completed from the stored event."""

from decimal import Decimal
from typing import Any

import pytest

from ingestion.models import MessageCount
from ingestion.tests.decoded_messages import decoded_messages
from ingestion.tests.sample_messages import SELECTION, coupon
from ingestion.topics import COUPONS
from recommendations.models import PurchasedCoupon
from recommendations.storing import store_events
from recommendations.tests.factories import UserFactory, event_row, removal
from recommendations.tests.profile_counts import assert_counts_equal_a_recount
from recommendations.text_ids import Kind, id_of
from tenants.routing.context import use_casino

from .test_ledger import store

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def _known(casino_a, casino_b):
    with use_casino(casino_a.current):
        UserFactory(id=7)
        one_sided = event_row(id="sr:9", home_team="THE OPEN", away_team="", league="", sport="GOLF")
        store_events([event_row(id=1, home_team="H1", away_team="A1", category="WOMEN"), one_sided])
    with use_casino(casino_b.current):
        UserFactory(id=7)


def bought(casino, *selections: Any, id: int = 5, **fields: Any) -> tuple[str, PurchasedCoupon]:
    message = coupon(id=id, recommended_events=list(selections), **fields)
    [outcome] = store(casino, decoded_messages(COUPONS, message, first=id), topic=COUPONS)
    with use_casino(casino.current):
        return outcome, PurchasedCoupon.objects.get(id=id)


def test_a_selection_of_an_id_and_an_odd_has_the_stored_events_match(casino_a):
    outcome, stored = bought(casino_a, {"event_id": 1, "odd": 2.15}, {"event_id": "sr:9", "odd": "7", "sport": None})
    assert (outcome, stored.unread_selections) == ("stored", None)
    match, outright = stored.recommended_events
    assert (match["event_id"], match["home_team"], match["category"], match["odd"]) == (1, "H1", "WOMEN", 2.15)
    with use_casino(casino_a.current):
        assert outright["event_id"] == id_of(Kind.EVENTS, "sr:9")
        assert not MessageCount.objects.exclude(last_detail="").exists()
    assert (outright["sport"], outright["home_team"], outright["away_team"]) == ("GOLF", "THE OPEN", "")


def test_its_odd_has_the_format_of_the_coupon(casino_a):
    _, stored = bought(casino_a, {"event_id": 1, "odd": "+150"}, odd_format="american")
    with use_casino(casino_a.current):
        assert_counts_equal_a_recount()
    assert Decimal(str(stored.recommended_events[0]["odd"])) == Decimal("2.5")


def test_of_an_unknown_event_it_is_noted_as_before(casino_a, casino_b):
    """It is unknown even if another casino has an event with this id."""
    notes = [{"number": 1, "code": "missing", "field": "sport", "event_id": 1}]
    outcome, stored = bought(casino_b, SELECTION, {"event_id": 1, "odd": 2})
    assert (outcome, len(stored.recommended_events), stored.unread_selections) == ("stored_in_part", 1, notes)
    with use_casino(casino_a.current):
        store_events([removal(1, 100)])
    assert bought(casino_a, SELECTION, {"event_id": 1, "odd": 2})[1].unread_selections == notes


def test_an_unreadable_field_of_the_match_is_not_replaced(casino_a):
    damages: list[Any] = [{"sport": "x" * 51}, {"home_team": "H2"}, {"league": "L"}, {"category": 5}]
    for number, damage in enumerate(damages):
        outcome, stored = bought(casino_a, {"event_id": 1, "odd": 2, **damage}, id=10 + number)
        assert (outcome, stored.recommended_events) == ("stored_in_part", [])


def test_an_odd_that_is_none_is_noted_beside_the_match(casino_a):
    outcome, stored = bought(casino_a, {"event_id": 1, "odd": "-"}, {"event_id": 3, "odd": 2})
    assert outcome == "stored_in_part"
    assert [each["home_team"] for each in stored.recommended_events] == ["H1"]
    assert [(each["number"], each["field"]) for each in stored.unread_selections or ()] == [(0, "odd"), (1, "sport")]
    with use_casino(casino_a.current):
        [count] = MessageCount.objects.filter(outcome="stored_in_part")
    assert count.last_detail == "recommended_events[0].odd: wrong_type; recommended_events[1].sport: missing"


def test_a_coupon_of_such_selections_alone_may_be_repeated(casino_a):
    bought(casino_a, {"event_id": 1})
    message = coupon(id=5, recommended_events=[{"event_id": 1}])
    assert store(casino_a, decoded_messages(COUPONS, message, first=6), topic=COUPONS) == ["duplicate"]
