"""Times in every format, and rows encoded and decoded again."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ingestion.messages.coupons import decode_coupon
from ingestion.messages.decoding import Rejection, decode_event, decode_served, decode_user
from ingestion.messages.encoding import encode_row
from ingestion.tests.decoded_messages import SENT_AT
from ingestion.tests.sample_messages import coupon, event, served, user
from recommendations.validation.rows import AnyRow, CouponRow, EventRow, Selection, UserRow

from .test_decoding import INSTANT, KINDS, SOURCE, accepted, read, rejected


@pytest.mark.parametrize(
    "time",
    [
        "2025-06-01T11:28:20",
        "2025-06-01T11:28:20Z",
        "2025-06-01 11:28:20+00:00",
        "2025-06-01T13:28:20+02:00",
        "2025-06-01T11:28:20.000000",
        1_748_777_300,
        1_748_777_300.0,
        1_748_777_300_000,
    ],
)
def test_every_time_format_is_the_same_instant(time):
    assert accepted(decode_coupon, coupon(timestamp=time)).timestamp == INSTANT
    assert accepted(decode_user, user(timestamp=time)).timestamp == INSTANT
    row = accepted(decode_event, event(begin_timestamp=time))
    assert row.begin_timestamp == INSTANT
    assert row.begin_timestamp.tzinfo is UTC


@pytest.mark.parametrize("decode", [decode_coupon, decode_served])
@pytest.mark.parametrize(
    "time",
    [
        *("20250601T112820Z", "2025-06-01t11:28:20z", "2025-06-01 13:28:20 +0200", "2025-06-01T11:28:20,0+00"),
        *("1748777300", "1748777300000", 1_748_777_300_000_000),
    ],
)
def test_each_form_that_people_write_is_the_same_instant(decode, time):
    message = {decode_coupon: coupon, decode_served: served}[decode]()
    assert accepted(decode, message | {"timestamp": time}).timestamp == INSTANT


@pytest.mark.parametrize("time", ["", "soon", "01/02/2026", "2025-13-01", "2025-06-01T11:28:20+25:00", [], True])
def test_invalid_time_has_the_wrong_type(time):
    for decode, message, field in (
        (decode_coupon, coupon(), "timestamp"),
        (decode_event, event(), "begin_timestamp"),
        (decode_event, event(), "end_timestamp"),
    ):
        assert rejected(decode, message | {field: time}) == ("wrong_type", field)


@pytest.mark.parametrize(
    "time",
    [0, -1, "1999-12-31T23:59:59Z", "2100-01-01T00:00:00", 99_999_999_999, 1e308, -1e308, "0001-01-01T00:00:00+23:59"],
)
def test_time_far_from_now_is_out_of_range(time):
    assert rejected(decode_coupon, coupon(timestamp=time)) == ("out_of_range", "timestamp")


FROM_2010 = int(datetime(2010, 1, 1, tzinfo=UTC).timestamp() * 1e6)
UNTIL_2035 = int(datetime(2035, 1, 1, tzinfo=UTC).timestamp() * 1e6)


def at_microseconds(number):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=number)


texts = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
ids = st.none() | st.integers(1, 2**62)
past = st.integers(FROM_2010, SENT_AT * 1_000).map(at_microseconds)
times = st.integers(FROM_2010, UNTIL_2035).map(at_microseconds)
sports = st.sampled_from(["FOOTBALL", "BASKETBALL", "HANDBALL"])
odds = st.decimals("1.001", "999999.999", places=3)
places = {"country": texts, "league": texts, "home_team": texts.map("H{}".format), "away_team": texts.map("A{}".format)}
selections = st.builds(Selection, event_id=ids, sport=sports, odd=odds, **places)
users = st.builds(
    UserRow,
    id=ids,
    name=texts,
    surname=texts,
    birth_year=st.integers(1900, 2010),
    currency=st.sampled_from(["EUR", "USD", "GBP"]),
    country=texts,
    gender=st.sampled_from(["MALE", "FEMALE", "OTHER"]),
    timestamp=past,
    favorite_sport=sports,
    favorite_league=st.just("") | texts,
)
events = st.builds(
    lambda begin, hours, **fields: EventRow(begin_timestamp=begin, end_timestamp=begin + hours, **fields),
    times,
    st.timedeltas(timedelta(hours=1), timedelta(hours=9)),
    id=ids,
    sport=sports,
    odd=odds,
    status=st.sampled_from([None, "OPEN", "SUSPENDED", "CANCELLED", "SETTLED"]),
    timestamp=past,
    **places,
)
coupons = st.builds(
    lambda **fields: CouponRow(source=None if fields["id"] else SOURCE, **fields),
    id=ids,
    user_id=st.integers(1, 2**62),
    stake=st.decimals("0.01", "999999999999.99", places=2),
    timestamp=past,
    recommended_events=st.lists(selections, min_size=1, max_size=3).map(tuple),
)


@pytest.mark.covered
@given(users)
def test_encoded_user_decodes_to_the_same_row(row):
    decoded = accepted(decode_user, encode_row(row))
    assert replace(decoded, former_keys=()) == replace(row, former_keys=())  # these are of the text as it was sent


@given(events)
def test_encoded_event_decodes_to_the_same_row(row):
    assert accepted(decode_event, encode_row(row)) == row


def test_an_encoded_event_keeps_its_markets():
    prices = {"market": "TOTALS", "line": 2.5, "outcomes": [{"outcome": "OVER", "odd": 1.91}, {"outcome": "UNDER"}]}
    closed = {"market": "1X2", "status": "suspended", "outcomes": [{"outcome": "HOME", "odd": 3}]}
    row = accepted(decode_event, event(producer="LIVE", markets=[prices, closed]))
    assert [each.odds for each in row.markets.markets] == [(1910, 0), (3000,)]
    assert accepted(decode_event, encode_row(row)) == row


@given(coupons)
def test_encoded_coupon_decodes_to_the_same_row(row):
    assert accepted(decode_coupon, encode_row(row)) == row


def test_encoded_message_has_no_source():
    row = accepted(decode_coupon, coupon())
    again = accepted(decode_coupon, encode_row(replace(row, source="elsewhere/t/0/0", stake=Decimal(3))))
    assert (again.source, again.stake) == (SOURCE, Decimal("3.00"))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_any_value_in_any_field_is_accepted_or_rejected(data):
    decode, message = data.draw(st.sampled_from(KINDS))
    field = data.draw(st.sampled_from(sorted(message)))
    assert isinstance(read(decode, message | {field: data.draw(anything)}), AnyRow | Rejection)


@given(st.binary() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_any_bytes_are_accepted_or_rejected(value):
    body = value if isinstance(value, bytes) else value.encode()
    for decode, _ in KINDS:
        assert isinstance(read(decode, body), AnyRow | Rejection)
