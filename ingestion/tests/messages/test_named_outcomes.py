"""Selections of coupons, and served events, may name the outcome that was bet on."""

from typing import Any

import msgspec
import pytest

from ingestion.messages.decoding import Rejection
from ingestion.tests.decoded_messages import envelope_of, read
from ingestion.tests.sample_messages import coupon
from ingestion.topics import COUPONS, RECOMMENDATIONS
from recommendations.storing.upsert import as_json

SELECTION: dict[str, Any] = {"sport": "FOOTBALL", "home_team": "A", "away_team": "B", "odd": 2.05}
SERVED: dict[str, Any] = {
    "recommendation_id": "0190b5a4-6f2e-7c3a-9b1d-2f6f0c9d8e7a", "user_id": 1, "timestamp": "2025-10-01T00:00:00Z",
    "recommender": "hybrid", "asked_for": "hybrid", "stake": 10, "currency": "GBP",
}  # fmt: skip
NAMED = {"market": "totals", "line": "2.50", "outcome": "over"}
STORED = {"market": "TOTALS", "line": "2.5", "outcome": "OVER"}


def selections_of(*selections):
    content: Any = read(COUPONS, envelope_of(COUPONS, coupon(recommended_events=list(selections))))
    return content, msgspec.json.decode(as_json(content.recommended_events))


def test_a_selection_names_its_outcome_or_nothing():
    _, [named, by_number, unnamed] = selections_of(
        SELECTION | NAMED, SELECTION | {"market": 1, "line": None, "outcome": 1.0}, SELECTION
    )
    assert STORED.items() <= named.items()
    assert (by_number["market"], by_number["outcome"]) == ("1", "1")
    assert "line" not in by_number
    assert not unnamed.keys() & STORED.keys()


def test_a_selection_whose_outcome_cannot_be_read_is_held_all_the_same():
    content, [read_one] = selections_of(SELECTION, SELECTION | {"event_id": 7, "outcome": "OVER"})
    assert (content.unread_selections[0].field, content.held_events) == ("market", [7])
    assert read_one["home_team"] == "A"


@pytest.mark.parametrize(("names", "stored"), [(NAMED, STORED), ({}, {})])
def test_a_served_event_names_its_outcome_or_nothing(names, stored):
    message = SERVED | {"events": [{"event_id": 7, "odd": 2.05} | names]}
    content: Any = read(RECOMMENDATIONS, envelope_of(RECOMMENDATIONS, message))
    [event] = msgspec.json.decode(as_json(content.events))
    assert {name: event[name] for name in event.keys() & STORED.keys()} == stored


def test_a_served_event_with_a_line_alone_is_rejected_with_its_place():
    message = SERVED | {"events": [{"event_id": 7, "odd": 2.05, "line": 2.5}]}
    content = read(RECOMMENDATIONS, envelope_of(RECOMMENDATIONS, message))
    assert isinstance(content, Rejection)
    assert (content.code, content.field) == ("inconsistent", "events[0].market")
