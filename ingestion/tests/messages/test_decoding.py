import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka import Message

from ingestion.messages.coupons import decode_coupon
from ingestion.messages.decoding import (
    Decode,
    Rejection,
    TimeBounds,
    decode_event,
    decode_message,
    decode_served,
    decode_user,
)
from ingestion.messages.envelope import open_message
from ingestion.tests.decoded_messages import SENT_AT, body_of
from ingestion.tests.kafka_client import NOW
from ingestion.tests.sample_messages import SELECTION, coupon, event, served, user, without
from recommendations.validation.rows import AnyRow, CouponRow, EventRow, Removal, ServedEventRow, ServedRow, UserRow

INSTANT = datetime(2025, 6, 1, 11, 28, 20, tzinfo=UTC)
SOURCE = f"here/t/2/5@{SENT_AT}"
CASINO = [("casino_id", b"1")]
KINDS: list[tuple[Decode, dict[str, Any]]] = [
    (decode_user, user()),
    (decode_event, event()),
    (decode_coupon, coupon()),
    (decode_served, served()),
]

SERVED: dict[str, Any] = {"event_id": 5, "odd": 2.5}


def read(
    decode: Decode, value: Any, headers: Any = CASINO, *, key: bytes | None = None, sent_at: int = SENT_AT
) -> AnyRow | Removal | Rejection:
    message = Message(
        topic="t", partition=2, offset=5, key=key, value=body_of(value), headers=headers, timestamp=(1, sent_at)
    )
    content = decode_message(decode, open_message(message, "here", ""), TimeBounds.at(NOW))
    assert not isinstance(content, Rejection) or content.code != "undecodable", content
    return content


def rejected(decode: Decode, value: Any, headers: Any = CASINO, **message: Any) -> tuple[str, str]:
    """The code, and the invalid field."""
    rejection = read(decode, value, headers, **message)
    assert isinstance(rejection, Rejection), rejection
    assert rejection.detail
    return rejection.code, rejection.field


def accepted(decode: Decode, value: Any, **message: Any) -> Any:
    row = read(decode, value, **message)
    assert not isinstance(row, Rejection), row
    return row


def test_user_message_becomes_a_row_of_its_casino():
    assert read(decode_user, user()) == UserRow(
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


def test_an_event_may_tell_that_its_start_time_is_to_be_confirmed():
    row = accepted(
        decode_event,
        event(start_time_tbd=True, begin_timestamp="2026-12-20T00:00:00Z", end_timestamp="2026-12-21T00:00:00Z"),
    )
    assert (row.start_time_tbd, row.begin_timestamp) == (True, datetime(2026, 12, 20, tzinfo=UTC))
    assert accepted(decode_event, event()).start_time_tbd is False
    assert rejected(decode_event, event(start_time_tbd="maybe")) == ("wrong_type", "start_time_tbd")


def test_coupon_message_becomes_a_row_with_its_place_as_source():
    row = accepted(decode_coupon, coupon())
    assert isinstance(row, CouponRow)
    assert (row.user_id, row.stake, row.source) == (7, Decimal("10.50"), SOURCE)
    assert [each.home_team for each in row.recommended_events] == ["LEEDS"]


def test_served_message_becomes_a_row():
    assert read(decode_served, served(fallback="trending", took_ms=2.25)) == ServedRow(
        recommendation_id=UUID("00000000-0000-4000-8000-000000000001"),
        user_id=7,
        timestamp=INSTANT,
        recommender="inference",
        asked_for="inference",
        fallback="trending",
        stake=Decimal("10.5"),
        currency="EUR",
        events=(ServedEventRow(event_id=5, odd=Decimal("2.5"), score=0.25),),
        took_ms=2.25,
    )


def test_what_an_event_was_drawn_from_is_read_with_it():
    drawn = SERVED | {"propensity": 0.04, "candidates": [7, 5]}
    [event] = accepted(decode_served, served(events=[drawn])).events
    assert (event.propensity, event.candidates) == (0.04, (7, 5))


def test_who_had_the_first_turn_in_a_drafted_slip_is_read_with_its_first_event():
    [event] = accepted(decode_served, served(events=[SERVED | {"team": "A", "first_team": "B"}])).events
    assert (event.team, event.first_team) == ("A", "B")


def test_served_message_without_events_becomes_a_row():
    assert accepted(decode_served, served(events=[])).events == ()


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
        [("casino_id", b"0")],
        [("casino_id", b"01")],
        [("casino_id", b'"1')],
        [("casino_id", b"1 2")],
        [("casino_id", b"'1'")],
        [("casino_id", b'"1 "')],
        [("casino_id", b'""1""')],
        [("casino_id", b"\x00\x00\x00\x00\x00\x00\x00\x01")],
        [("casino_id", "1".encode("utf-16"))],
        [("casino_id", "١".encode())],
        [("casino_id", b" " * 50 + b"1")],
    ],
)
def test_message_without_a_casino_is_rejected(headers):
    assert rejected(decode_user, user(), headers) == ("no_casino", "casino_id")


@pytest.mark.parametrize("written", [b"1", b'"1"', b" 1 ", b"1\n", b'\t"1"\r\n'])
def test_the_header_may_have_quotes_and_blanks(written):
    assert read(decode_user, user(), [("casino_id", written)]) == read(decode_user, user())
    message = Message(topic="t", value=b"", headers=[("casino_id", written)], timestamp=(1, SENT_AT))
    assert open_message(message, "here", "").casino_id == 1


def test_message_of_the_maximum_size_is_accepted_and_a_larger_one_rejected(settings):
    body = json.dumps(user()).encode()
    settings.KAFKA_MESSAGE_BYTES = len(body)
    assert isinstance(read(decode_user, body), UserRow)
    answer = read(decode_user, body + b" ")
    assert answer == Rejection("too_large", "", f"the value has {len(body) + 1} bytes: send at most {len(body)}")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b'{"user_id": NaN}',
        json.dumps(coupon()).encode() + b" x",
        json.dumps(coupon(recommended_events=[SELECTION | {"league": "?"}])).encode().replace(b"?", b"\xff"),
        b'{"timestamp": "\\ud800"}',
        b'{"other": ' + b"[" * 100_000,
        b'{"other": ' + b'{"a":' * 40_000,
    ],
)
def test_invalid_json_is_malformed(value):
    assert rejected(decode_coupon, value)[0] == "malformed"


@pytest.mark.parametrize("value", [[], "text", 1, [user()]])
@pytest.mark.parametrize("decode", [decode for decode, _ in KINDS])
def test_non_object_has_the_wrong_type(decode, value):
    assert rejected(decode, value) == ("wrong_type", "")


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
    assert rejected(decode, without(message, field)) == ("missing", field)


@pytest.mark.covered
@pytest.mark.parametrize(("decode", "message", "field"), [(d, m, field) for d, m in KINDS for field in m])
@pytest.mark.parametrize("value", [True, {}, None])
def test_field_with_the_wrong_type_is_named(decode, message, field, value):
    if field == "id" and value is None:
        assert accepted(decode, message | {"id": None}).id is None
        return
    assert rejected(decode, message | {field: value}) == ("wrong_type", field)


def test_field_of_a_selection_is_named_with_its_number():
    selections = [SELECTION | {"country": 1}, SELECTION | {"sport": ""}]
    assert rejected(decode_coupon, coupon(recommended_events=selections)) == (
        "wrong_type",
        "recommended_events[0].country",
    )


AMOUNTS = pytest.mark.parametrize(
    ("decode", "message", "field"),
    [
        (decode_coupon, coupon(), "stake"),
        (decode_event, event(), "odd"),
        (decode_served, served(), "stake"),
        (decode_user, user(), "stake_limit"),
    ],
)
OTHER_FORMS = ["1_0.5", "+150", "1e2", " 2.5", "2.5 ", "02.50", "\u0663", ".5", "5.", "", "NaN", "sNaN", "-Infinity"]


@pytest.mark.parametrize("number", [1e-9, -1, "-1", 1e300, "9" * 30])
@AMOUNTS
def test_impossible_number_is_out_of_range(decode, message, field, number):
    if field == "stake_limit" and number in {1e-9, -1, "-1"}:
        assert accepted(decode, message | {field: number}).stake_limit == 0, "the limit is reached"
        return
    assert rejected(decode, message | {field: number}) == ("out_of_range", field)


@pytest.mark.covered
@pytest.mark.parametrize("text", [*OTHER_FORMS, True, [2.5], {"a": 2.5}])
@AMOUNTS
def test_number_in_another_form_is_rejected_by_field(decode, message, field, text):
    assert rejected(decode, message | {field: text}) == ("wrong_type", field)


@pytest.mark.parametrize("number", [2, 2.5, "2", "2.5", "2.50"])
@AMOUNTS
def test_number_and_text_of_one_form_are_accepted(decode, message, field, number):
    assert getattr(accepted(decode, message | {field: number}), field) == Decimal(str(number))


def test_rejected_odd_is_shown():
    answer = read(decode_event, event(odd="1_0.5"))
    assert isinstance(answer, Rejection)
    assert answer.detail == 'odd is "1_0.5"; must be a number, or text such as 2.50'


@pytest.mark.parametrize(
    ("decode", "message", "code", "field"),
    [
        (decode_user, user(favorite_sport="x" * 51), "too_long", "favorite_sport"),
        (decode_event, event(sport="x" * 51), "too_long", "sport"),
        (
            decode_coupon,
            coupon(recommended_events=[SELECTION | {"sport": "x" * 51}]),
            "too_long",
            "recommended_events[0].sport",
        ),
        (decode_user, user(currency="$"), "unknown_value", "currency"),
        (decode_user, user(gender="x" * 21), "too_long", "gender"),
        (decode_user, user(name="x" * 101), "too_long", "name"),
        (decode_user, user(name=" "), "missing", "name"),
        (decode_user, user(name="a\x00b"), "bad_text", "name"),
        (decode_user, user(id=0), "out_of_range", "id"),
        (decode_event, event(end_timestamp=1_900_000_000), "inconsistent", "end_timestamp"),
        (decode_coupon, coupon(recommended_events=[]), "out_of_range", "recommended_events"),
        (decode_served, served(recommendation_id="1"), "wrong_type", "recommendation_id"),
        (decode_served, served(user_id=0), "out_of_range", "user_id"),
        (decode_served, served(timestamp="2090-01-01T00:00:00"), "out_of_range", "timestamp"),
        (decode_served, served(recommender=""), "missing", "recommender"),
        (decode_served, served(asked_for="a\x00b"), "bad_text", "asked_for"),
        (decode_served, served(fallback="x" * 101), "too_long", "fallback"),
        (decode_served, served(model_version=" "), "missing", "model_version"),
        (decode_served, served(currency="B-C"), "unknown_value", "currency"),
        (decode_served, served(events=[{"odd": 2}]), "missing", "events[0].event_id"),
        (decode_served, served(events=[SERVED, SERVED | {"odd": 1}]), "out_of_range", "events[1].odd"),
        (decode_served, served(events=[SERVED | {"event_id": -1}]), "out_of_range", "events[0].event_id"),
        (decode_served, served(events=[SERVED | {"score": "high"}]), "wrong_type", "events[0].score"),
        (decode_served, served(events=[SERVED | {"candidates": [0]}]), "out_of_range", "events[0].candidates[0]"),
        (decode_served, served(events=[SERVED | {"candidates": [5] * 21}]), "too_long", "events[0].candidates"),
        (decode_served, served(events=[SERVED] * 51), "out_of_range", "events"),
        (decode_served, served(took_ms="long"), "wrong_type", "took_ms"),
        (decode_served, served(took_ms=-1), "out_of_range", "took_ms"),
    ],
)
def test_invalid_value_is_named(decode, message, code, field):
    assert rejected(decode, message) == (code, field)


@pytest.mark.parametrize("until", ["2099-12-31T00:00:00Z", "9999-12-31T23:59:59Z", 253_402_300_799, 10**17])
def test_permanent_exclusion_has_no_end(until):
    row = accepted(decode_user, user(status="self_excluded", status_until=until))
    assert row.status == "SELF_EXCLUDED"
    assert row.status_until is None or row.status_until.year == 2099


@pytest.mark.parametrize("until", [86_400 * 30, 946_684_801, 0, -1, "2000-01-01T00:00:00Z", "2025-06-01T11:28:20Z"])
def test_an_end_before_the_message_is_none_and_reported(until, caplog):
    row = accepted(decode_user, user(status="time_out", status_until=until))
    assert (row.status, row.status_until) == ("TIME_OUT", None)
    assert f"{SOURCE}: status_until is ignored" in caplog.text


def test_the_end_is_compared_with_the_time_in_the_message_even_if_that_is_ahead():
    ahead = datetime.fromtimestamp(SENT_AT / 1_000, UTC) + timedelta(hours=20)
    row = accepted(
        decode_user,
        user(timestamp=ahead.isoformat(), status="time_out", status_until=(ahead - timedelta(hours=1)).isoformat()),
    )
    assert row.status_until is None


def test_a_closed_account_has_no_end():
    assert accepted(decode_user, user(status="closed", status_until="2099-01-01T00:00:00Z")).status_until is None
