"""Events and selections whose odds are not decimal say so; nothing is guessed."""

from decimal import Decimal

import pytest

from ingestion.messages.coupons import decode_coupon
from ingestion.messages.decoding import Partial, Rejection, decode_event
from ingestion.tests.decoded_messages import decoded_message
from ingestion.tests.sample_messages import SELECTION, coupon, event
from ingestion.topics import EVENTS
from recommendations.validation.changes import EventChange
from recommendations.validation.rows import EventRow

from .test_decoding import accepted, rejected


def content_of(value):
    return decoded_message(EVENTS, value).content


@pytest.mark.parametrize(
    ("odd_format", "odd", "decimal"),
    [("american", "+150", "2.500"), ("american", -110, "1.909"), ("fractional", "5/2", "3.500"), (None, 2.5, "2.500")],
)
def test_an_event_tells_the_format_of_its_odd(odd_format, odd, decimal):
    assert accepted(decode_event, event(odd=odd, odd_format=odd_format)).odd == Decimal(decimal)


@pytest.mark.parametrize("odd", ["+150", "5/2", "EVS"])
def test_an_odd_of_another_format_is_refused_where_none_is_given(odd):
    assert rejected(decode_event, event(odd=odd)) == ("wrong_type", "odd")


def test_an_event_of_an_unknown_format_is_refused_and_withheld():
    content = content_of(event(id=5, odd=150, odd_format="moneyline"))
    assert isinstance(content, Rejection)
    assert (content.code, content.field) == ("unknown_value", "odd_format")
    assert [change.is_withheld for change in content.changes] == [True]


def test_a_partial_message_tells_the_format_of_its_odd():
    content = content_of({"id": 5, "odd": -200, "odd_format": "American"})
    assert isinstance(content, Partial)
    assert isinstance(content.change, EventChange)
    assert content.change.odd == Decimal("1.500")


@pytest.mark.parametrize("odd", ["OTB", None, 0])
def test_no_price_withholds_in_each_format(odd):
    content = content_of({"id": 5, "odd": odd, "odd_format": "american"})
    assert isinstance(content, Partial)
    assert content.change.is_withheld is True


def test_a_format_in_other_case_of_its_name_counts():
    value = b'{"ODD_FORMAT": "american", ' + event_bytes(odd=150)[1:]
    content = content_of(value)
    assert isinstance(content, EventRow)
    assert content.odd == Decimal("2.500")


def test_two_different_formats_in_one_message_are_refused():
    value = b'{"odd_format": "american", "odd_format": "hongkong", ' + event_bytes(id=5, odd=150)[1:]
    content = content_of(value)
    assert isinstance(content, Rejection)
    assert (content.code, content.field) == ("inconsistent", "odd_format")
    assert [change.is_withheld for change in content.changes] == [True]


def test_a_selection_tells_the_format_of_its_odd_or_the_coupon_does():
    selections = [
        SELECTION | {"odd": "+150"},
        SELECTION | {"odd": "5/2", "odd_format": "fractional"},
        SELECTION | {"odd": 2.5, "odd_format": "decimal"},
        SELECTION | {"odd": 0},
    ]
    row = accepted(decode_coupon, coupon(recommended_events=selections, odd_format="american"))
    odds = [Decimal("2.5"), Decimal("3.5"), Decimal("2.5"), None]
    assert [each.odd for each in row.recommended_events] == odds
    assert row.unread_selections is None


def test_a_selection_of_an_unknown_format_is_kept_without_its_odd_and_noted():
    selection = SELECTION | {"odd": 150, "odd_format": "?"}
    row = accepted(decode_coupon, coupon(recommended_events=[selection]))
    assert row.recommended_events[0].odd is None
    assert [(each.code, each.field) for each in row.unread_selections or ()] == [("unknown_value", "odd_format")]


def event_bytes(**changes):
    return bytes(decoded_message(EVENTS, event(**changes)).envelope.value or b"")
