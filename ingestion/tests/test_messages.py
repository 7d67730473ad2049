import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka import Message

from ingestion.messages import (
    Accepted,
    Decode,
    Place,
    Rejection,
    decode_coupon,
    decode_event,
    decode_user,
    read_message,
)
from recommendations.rows import CouponRow, EventRow, UserRow

from .examples import SELECTION, coupon, event, user, without

INSTANT = datetime(2025, 6, 1, 11, 28, 20, tzinfo=UTC)
SOURCE = str(Place("here", "t", 2, 5, 0))
CASINO = [("casino_id", b"1")]
KINDS: list[tuple[Decode, dict[str, Any]]] = [(decode_user, user()), (decode_event, event()), (decode_coupon, coupon())]


def read(decode: Decode, value: Any, headers: Any = CASINO) -> Accepted | Rejection:
    body = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    return read_message(decode, Message(topic="t", partition=2, offset=5, value=body, headers=headers), "here")


def rejected(decode: Decode, value: Any, headers: Any = CASINO) -> tuple[str, str]:
    rejection = read(decode, value, headers)
    assert isinstance(rejection, Rejection)
    assert (rejection.place.topic, rejection.place.partition, rejection.place.offset) == ("t", 2, 5)
    return rejection.code, rejection.detail


def accepted(decode: Decode, value: Any) -> Any:
    answer = read(decode, value)
    assert isinstance(answer, Accepted), answer
    return answer.row


def test_user_message_becomes_a_row_of_its_casino():
    answer = read(decode_user, user(), [("casino_id", b"42")])
    assert isinstance(answer, Accepted)
    assert answer.casino_id == 42
    assert answer.row == UserRow(
        id=7,
        name="Ada",
        surname="Lovelace",
        birth_year=1985,
        currency="EUR",
        country="ENGLAND",
        gender="FEMALE",
        timestamp=INSTANT,
        favorite_sport="FOOTBALL",
    )


def test_event_message_becomes_a_row():
    row = accepted(decode_event, event(odd="1.95", id=3))
    assert isinstance(row, EventRow)
    assert (row.id, row.odd, row.home_team, row.away_team) == (3, Decimal("1.950"), "LEEDS", "DERBY")
    assert row.begin_timestamp == datetime.fromtimestamp(1_900_000_000, UTC)


def test_coupon_message_becomes_a_row_which_knows_its_place_in_kafka():
    row = accepted(decode_coupon, coupon())
    assert isinstance(row, CouponRow)
    assert (row.user_id, row.stake, row.source) == (7, Decimal("10.50"), SOURCE)
    assert [each.home_team for each in row.recommended_events] == ["LEEDS"]


def test_unknown_fields_are_ignored():
    assert accepted(decode_user, user(shoe_size=43)) == accepted(decode_user, user())


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        [("casino", b"1")],
        [("casino_id", None)],
        [("casino_id", b"")],
        [("casino_id", b"x")],
        [("casino_id", b"-1")],
        [("casino_id", b"1.0")],
        [("casino_id", b"\xff")],
        [("casino_id", b"9" * 30)],
    ],
)
def test_message_without_a_casino_is_rejected(headers):
    code, detail = rejected(decode_user, user(), headers)
    assert code == "no_casino"
    assert "casino_id" in detail


def test_message_as_large_as_allowed_is_read_and_a_larger_one_rejected(settings):
    body = json.dumps(user()).encode()
    settings.KAFKA_MESSAGE_BYTES = len(body)
    assert isinstance(read(decode_user, body), Accepted)
    code, detail = rejected(decode_user, body + b" ")
    assert code == "too_large"
    assert f"at most {len(body)}" in detail


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"user_id": NaN}',
        json.dumps(coupon()).encode() + b" x",
        b'{"timestamp": "\xff"}',
        b'{"timestamp": "\\ud800"}',
        b'{"other": ' + b"[" * 100_000,
        b'{"other": ' + b'{"a":' * 40_000,
    ],
)
def test_what_is_no_json_is_malformed(value):
    assert rejected(decode_coupon, value)[0] == "malformed"


@pytest.mark.parametrize("value", [[], "text", 1, [user()]])
@pytest.mark.parametrize("decode", [decode_user, decode_event, decode_coupon])
def test_what_is_no_object_is_of_the_wrong_type(decode, value):
    code, detail = rejected(decode, value)
    assert code == "wrong_type"
    assert detail.startswith("message: ")


@pytest.mark.parametrize(
    ("decode", "message", "field"),
    [
        (decode, message, field)
        for decode, message in KINDS
        for field in message
        if field not in {"id", "favorite_league"}
    ],
)
def test_missing_field_is_named(decode, message, field):
    code, detail = rejected(decode, without(message, field))
    assert code == "missing"
    assert detail.startswith(f"{field}: ")


@pytest.mark.parametrize(("decode", "message", "field"), [(d, m, field) for d, m in KINDS for field in m])
@pytest.mark.parametrize("value", [True, {}, None])
def test_field_of_the_wrong_type_is_named(decode, message, field, value):
    if field == "id" and value is None:
        assert accepted(decode, message | {"id": None}).id is None
        return
    code, detail = rejected(decode, message | {field: value})
    assert code == "wrong_type"
    assert detail.startswith(f"{field}: ")


def test_field_of_a_selection_is_named_with_its_place():
    code, detail = rejected(decode_coupon, coupon(recommended_events=[SELECTION, SELECTION | {"country": 1}]))
    assert (code, detail.split(":")[0]) == ("wrong_type", "recommended_events[1].country")


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity", 0, -1, 1e300])
@pytest.mark.parametrize(
    ("decode", "message", "field"), [(decode_coupon, coupon(), "stake"), (decode_event, event(), "odd")]
)
def test_number_which_is_none_is_out_of_range(decode, message, field, number):
    code, detail = rejected(decode, message | {field: number})
    assert code == "out_of_range"
    assert detail.startswith(field)


@pytest.mark.parametrize(
    ("decode", "message", "code", "field"),
    [
        (decode_user, user(favorite_sport="CURLING"), "unknown_value", "favorite_sport"),
        (decode_event, event(sport="CURLING"), "unknown_value", "sport"),
        (decode_coupon, coupon(recommended_events=[SELECTION | {"sport": "CURLING"}]), "unknown_value", "sport"),
        (decode_user, user(currency="BTC"), "unknown_value", "currency"),
        (decode_user, user(name="x" * 101), "too_long", "name"),
        (decode_user, user(name=" "), "missing", "name"),
        (decode_user, user(name="a\x00b"), "bad_text", "name"),
        (decode_user, user(id=0), "out_of_range", "id"),
        (decode_event, event(end_timestamp=1_900_000_000), "inconsistent", "end_timestamp"),
        (decode_coupon, coupon(recommended_events=[]), "out_of_range", "recommended_events"),
    ],
)
def test_value_which_makes_no_row_is_named(decode, message, code, field):
    found, detail = rejected(decode, message)
    assert found == code
    assert detail.startswith(f"{field} ")
