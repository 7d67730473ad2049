"""Hostile and broken messages: each is accepted or rejected, and none raises."""

import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.messages.coupons import decode_coupon
from ingestion.messages.decoding import (
    Rejection,
    TimeBounds,
    decode_event,
    decode_message,
    decode_served,
    decode_user,
)
from ingestion.messages.field_scan import scan_fields
from ingestion.tests.decoded_messages import SENT_AT, envelope_of
from ingestion.tests.kafka_client import NOW
from ingestion.tests.sample_messages import SELECTION, coupon, event, served, user
from ingestion.topics import EVENTS, USERS
from recommendations.validation.rows import AnyRow, EventRow, Removal
from tenants.tests.memory import least_allocated

from .test_decoding import CASINO, KINDS, accepted, read, rejected

SENT = datetime.fromtimestamp(SENT_AT / 1000, UTC)
AHEAD = round((NOW.timestamp() + 72_000) * 1_000)


def raw(message, field, written):
    """The message with a field's raw value, which need not be JSON."""
    return json.dumps(message | {field: "HERE"}).encode().replace(b'"HERE"', written)


@pytest.mark.parametrize("decode", [decode_user, decode_event, decode_coupon])
def test_message_without_a_value_removes_the_row_with_its_key_as_id(decode):
    assert accepted(decode, None, key=b"12") == Removal(id=12, timestamp=SENT)


@pytest.mark.parametrize(
    "key",
    [None, b"", b" 1", b"1.0", b"+1", b"1\t2", b"\xff", "\u00a0".encode(), "\u200b".encode(), b"x" * 129, b'"', b'"x'],
)
def test_removal_with_an_invalid_key_is_rejected(key):
    assert rejected(decode_user, None, key=key) == ("bad_key", "")


@pytest.mark.parametrize(
    "key", ["0", "-1", "1.5", "x", "9" * 20, "٣", "1:2", "007", "1_2", str(2**62 + 1), "sr:match:7", "x" * 128]
)
def test_removal_with_any_other_text_as_key_is_of_the_row_with_that_id(key):
    for written in (key.encode(), json.dumps(key).encode(), json.dumps(key, ensure_ascii=False).encode()):
        assert accepted(decode_user, None, key=written) == Removal(id=key, timestamp=SENT)


def test_empty_value_removes_nothing():
    assert rejected(decode_user, b"", key=b"12") == ("malformed", "")


def test_event_without_a_timestamp_has_the_time_it_was_sent():
    assert accepted(decode_event, event()).timestamp == SENT
    assert accepted(decode_event, event(timestamp=SENT_AT / 1000 - 5)).timestamp == SENT - timedelta(seconds=5)


@pytest.mark.parametrize("status", ["open", "SUSPENDED", " Cancelled ", "settled"])
def test_status_of_an_event_is_case_insensitive(status):
    assert accepted(decode_event, event(status=status)).status == status.strip().upper()


def test_unknown_status_is_rejected():
    assert accepted(decode_event, event()).status is None
    assert rejected(decode_event, event(status="ASLEEP")) == ("unknown_value", "status")


def test_past_times_may_be_a_day_ahead_for_clock_skew():
    for decode, message in ((decode_user, user()), (decode_coupon, coupon()), (decode_event, event())):
        assert accepted(decode, message | {"timestamp": (NOW + timedelta(hours=23)).isoformat()})
        later = message | {"timestamp": (NOW + timedelta(hours=25)).isoformat()}
        assert rejected(decode, later) == ("out_of_range", "timestamp")


@pytest.mark.parametrize("ahead", [timedelta(milliseconds=1), timedelta(seconds=5), timedelta(hours=20)])
def test_a_time_ahead_of_the_sending_counts_as_the_time_of_sending(ahead):
    for decode, message in ((decode_user, user()), (decode_event, event())):
        assert accepted(decode, message | {"timestamp": (SENT + ahead).isoformat()}).timestamp == SENT


def test_a_time_within_the_millisecond_of_sending_stays():
    given = SENT + timedelta(microseconds=999)
    assert accepted(decode_user, user(timestamp=given.isoformat())).timestamp == given


@pytest.mark.parametrize("sent_at", [-1, 0, AHEAD], ids=["none", "1970", "ahead"])
def test_a_time_ahead_counts_as_the_receipt_where_kafka_has_no_usable_time(sent_at):
    ahead = (NOW + timedelta(hours=20)).isoformat()
    for decode, message in ((decode_user, user()), (decode_event, event())):
        assert accepted(decode, message | {"timestamp": ahead}, sent_at=sent_at).timestamp == NOW


def test_a_removal_sent_by_a_clock_ahead_counts_as_of_its_receipt():
    assert accepted(decode_user, None, key=b"7", sent_at=AHEAD).timestamp == NOW


def test_messages_dated_ahead_keep_their_order_within_a_batch():
    bounds, ahead = TimeBounds.at(NOW), (NOW + timedelta(milliseconds=40)).isoformat()
    messages = [event(status=status, timestamp=ahead) for status in ("SUSPENDED", "OPEN", "CANCELLED")]
    envelopes = [envelope_of(EVENTS, each, offset=place, sent_at=AHEAD) for place, each in enumerate(messages)]
    rows = [decode_message(decode_event, each, bounds) for each in envelopes]
    times = [row.timestamp for row in rows if isinstance(row, EventRow) and row.timestamp is not None]
    assert len(times) == 3
    assert times == sorted(set(times))
    assert NOW <= times[0] < times[-1] < NOW + timedelta(milliseconds=1)


def replayed(message, *, origin=b"here/events/0/5@%d" % (SENT_AT - 86_400_000), key=None):
    row = read(decode_event, message, [*CASINO, ("replay.origin", origin), ("replay.count", b"1")], key=key)
    assert isinstance(row, EventRow | Removal), row
    return row.timestamp


def test_a_replayed_message_counts_as_of_its_first_sending():
    first = SENT - timedelta(days=1)
    assert replayed(event()) == first
    assert replayed(event(timestamp=SENT.isoformat())) == first
    assert replayed(event(timestamp=(first - timedelta(hours=1)).isoformat())) == first - timedelta(hours=1)
    assert replayed(None, key=b"7") == first
    twice = b'{"timestamp": 1, "timestamp": 2, ' + json.dumps(event()).encode()[1:]
    assert replayed(twice) == first


@pytest.mark.parametrize("origin", [b"", b"nowhere", b"a/b/0/5@-1", b"a/b/0/5@x", b"\xff@\xff", b"@%d" % (SENT_AT + 1)])
def test_a_replayed_message_without_a_usable_first_time_counts_as_of_the_replay(origin):
    assert replayed(event(), origin=origin) == SENT


def test_event_may_begin_within_the_horizon_of_the_settings(settings):
    settings.EVENT_HORIZON_DAYS = 10
    for days, expected in ((9, None), (11, ("out_of_range", "begin_timestamp"))):
        begin = NOW + timedelta(days=days)
        message = event(begin_timestamp=begin.isoformat(), end_timestamp=(begin + timedelta(hours=2)).isoformat())
        assert expected is None or rejected(decode_event, message) == expected
        assert expected is not None or isinstance(read(decode_event, message), EventRow)


@pytest.mark.parametrize("sent_at", [-1, 0, SENT_AT * 1000, 2**63 - 1])
def test_what_kafka_has_no_usable_time_of_counts_as_of_its_receipt(sent_at):
    assert accepted(decode_event, event(), sent_at=sent_at).timestamp == NOW
    assert accepted(decode_event, None, key=b"1", sent_at=sent_at).timestamp == NOW
    time = "2025-06-01T11:28:20+00:00"
    assert accepted(decode_event, event(timestamp=time), sent_at=sent_at).timestamp == datetime.fromisoformat(time)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'"a\\u0000b"', "bad_text"),
        (b'"a\\u0007b"', "bad_text"),
        (b'"\\u0000"', "bad_text"),
        (b'"\\ud800"', "malformed"),
        (b'"\\udfff\\ud800"', "malformed"),
        (b'"\xed\xa0\x80"', "malformed"),
        (b'"\xc0\xaf"', "malformed"),
        (b'"a\nb"', "malformed"),
        (b'"\\u200b"', "missing"),
        (b'"\\ud83d\\ude00"', None),
        (b'"' + "ß".encode() * 51 + b'"', None),
        (b'"' + b"x" * 101 + b'"', "too_long"),
        (b'" \\t\\u2003 "', "missing"),
        (b'""', "missing"),
    ],
)
def test_text_that_can_not_be_stored_is_rejected(text, expected):
    answer = read(decode_user, raw(user(), "name", text))
    assert (answer.code if isinstance(answer, Rejection) else None) == expected


def test_length_counts_after_upper_casing():
    assert rejected(decode_user, user(country="ß" * 51)) == ("too_long", "country")


@pytest.mark.parametrize("written", [b"NaN", b"Infinity", b"-Infinity", b"01", b"1.", b"+1", b"0x1", b"1e", b"--1"])
@pytest.mark.parametrize(
    ("decode", "message", "field"), [(decode_coupon, coupon(), "stake"), (decode_event, event(), "odd")]
)
def test_invalid_json_number_is_malformed(decode, message, field, written):
    assert rejected(decode, raw(message, field, written))[0] == "malformed"


HUGE = [
    b"1e400",
    b"-1e400",
    b"9" * 400,
    b"9" * 5000,
    b"-" + b"9" * 5000,
    b"1e99999999999999999999",
    b"1" + b"0" * 200_000,
]


@pytest.mark.covered
@pytest.mark.parametrize("written", HUGE, ids=range(len(HUGE)))
@pytest.mark.parametrize(("decode", "message", "field"), [(d, m, field) for d, m in KINDS for field in m])
def test_huge_number_is_rejected_in_any_field(decode, message, field, written):
    answer = read(decode, raw(message, field, written))
    assert isinstance(answer, Rejection)
    assert answer.code in {"out_of_range", "wrong_type", "malformed"}


# Values that some decoder, number or date could fail on.
HOSTILE = [
    *(b"1e400", b"-1e400", b"1e308", b"NaN", b"1" * 5000, b"-0", b"1e-999999999", b"1e999999999", b"1e18", b"1e22"),
    *(b'"1e999999999"', b'"1e99999999999999999999999"', b'"NaN"', b'"sNaN"', b'"sNaN123"', b'"-sNaN"', b'"-Infinity"'),
    *(b"9223372036854775808", b"-1", b"0", b"0.0", b"-1e-300", b"4e9", b"253402300799", b"-67768040609740800"),
    *(b'"0001-01-01"', b'"0001-01-01T00:00:00-14:00"', b'"9999-12-31T23:59:60Z"', b'"2026-11-28T24:00:00Z"', b'"P1D"'),
    *(b'"0000-00-00"', b'"2026-11-28T10:00:00+23:59"', b"true", b"null", b"[]", b"{}", b"[[]]", b'""', b'"\\u0000"'),
    *(b'"\\ud800"', b'"\\ud800\\udc00"', b'"\\u00a0"', b'"\\u200b"', b'"' + b" " * 100 + b'"'),
]
RESTRICTED = {"status": "active", "birth_date": "1985-01-01", "stake_limit": 1, "limit_left": 1}
COMPLETE = [
    (decode_user, user(favorite_league="x", status_until="2050-01-01T00:00:00", **RESTRICTED)),
    (decode_event, event(id=1, status="open", timestamp="2025-06-01T00:00:00")),
    (decode_coupon, coupon(id=1)),
    (decode_served, served(fallback="1", model_version="7", took_ms=1.5)),
]


@pytest.mark.parametrize(("decode", "message"), COMPLETE)
def test_no_value_of_any_field_fails_the_decoder(decode, message):
    accepted(decode, message)
    lists = {"recommended_events", "events"} & message.keys()
    for written in HOSTILE:
        for field in message:
            read(decode, raw(message, field, written))
        for name in lists:
            [item] = message[name]
            for field in {*item, "event_id"}:
                read(decode, raw(message, name, b"[" + raw(item, field, written) + b"]"))


LONG = "x" * 200_000


@pytest.mark.parametrize(
    ("decode", "message", "headers"),
    [
        (decode_coupon, coupon(recommended_events=[SELECTION | {"x": LONG + "<n>"}]), CASINO),
        (decode_user, user(), [("casino_id", b"1" * 200_000)]),
        (decode_user, user(), [*CASINO, ("x", LONG.encode())]),
    ],
)
def test_no_part_of_a_message_stays_in_memory(decode, message, headers):
    def read_many(run):
        for number in range(20 * run, 20 * run + 20):
            body = json.dumps(message).replace("<n>", str(number)).encode()
            read(decode, body, [(name, value + b"%d" % number) for name, value in headers])

    read_many(0)
    assert least_allocated(read_many) < 1_000_000


def test_status_is_limited_in_length():
    assert rejected(decode_event, event(status=" " * 100 + "open")) == ("too_long", "status")
    assert rejected(decode_user, user(status=" " * 100 + "active")) == ("too_long", "status")


@pytest.mark.parametrize("message", [{"key": b"1" * 16_500}, {"headers": [*CASINO, ("x", LONG.encode())]}])
def test_key_and_headers_are_limited_in_size(message):
    assert rejected(decode_user, user(), **message) == ("too_large", "")
    assert rejected(decode_user, None, **message) == ("too_large", "")


def test_error_of_the_decoder_rejects_the_message_and_is_logged(caplog):
    def decode(envelope, bounds):
        raise ZeroDivisionError("a mistake")

    envelope = envelope_of(USERS, user())
    rejection = decode_message(decode, envelope, TimeBounds.at(NOW))
    assert isinstance(rejection, Rejection)
    assert rejection.code == "undecodable"
    assert str(envelope.place) in caplog.text
    assert "ZeroDivisionError: a mistake" in caplog.text


@pytest.mark.parametrize("written", ["1e-400", "1.0000000000000000000001", "1" + "0" * 5000, "1E+28", "1e-1000000000"])
def test_decimal_of_any_precision_is_rounded_or_rejected(written):
    for field, message, decode in (("stake", coupon(), decode_coupon), ("odd", event(), decode_event)):
        answer = read(decode, raw(message, field, written.encode()))
        assert not isinstance(answer, Rejection) or (answer.code, answer.field) == ("out_of_range", field)


def test_last_of_two_equal_keys_wins():
    body = json.dumps(user()).encode()[:-1] + b', "name": "Eve"}'
    assert accepted(decode_user, body).name == "Eve"


@pytest.mark.parametrize("nest", [b'{"a":%s}', b"[%s]"])
@pytest.mark.parametrize("depth", [10, 500, 20_000])
def test_nesting_of_any_depth_is_accepted_or_malformed(nest, depth):
    opening, closing = nest.split(b"%s")
    deep = opening * depth + b"1" + closing * depth
    for decode, message in KINDS:
        answer = read(decode, raw(message, "other", deep))
        assert not isinstance(answer, Rejection) or answer.code == "malformed"
    answer = read(decode_coupon, raw(coupon(), "recommended_events", b"[" + deep + b"]"))
    assert isinstance(answer, Rejection)


def test_coupon_of_more_selections_than_allowed_is_rejected(settings):
    settings.COUPON_MAX_SELECTIONS = 3
    assert accepted(decode_coupon, coupon(recommended_events=[SELECTION] * 3))
    assert rejected(decode_coupon, coupon(recommended_events=[SELECTION] * 4)) == ("out_of_range", "recommended_events")


@given(st.data())
def test_damaged_message_is_accepted_or_rejected(data):
    decode, message = data.draw(st.sampled_from(KINDS))
    body = bytearray(json.dumps(message).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        first = data.draw(st.integers(0, len(body)))
        end = first + data.draw(st.integers(0, 4))
        body[first:end] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b"{", b"[", b"\\u0000", b"1e9", b"null"])
        )
    assert isinstance(read(decode, bytes(body)), AnyRow | Rejection)


@given(
    st.one_of(st.none(), st.binary(max_size=25), st.integers().map(lambda number: str(number).encode())),
    st.integers(-(2**63), 2**63 - 1),
)
def test_removal_with_any_key_and_time_is_accepted_or_rejected(key, sent_at):
    assert isinstance(read(decode_user, None, key=key, sent_at=sent_at), Removal | Rejection)


@given(st.floats())
def test_any_number_as_a_time_is_accepted_or_rejected(number):
    written = json.dumps(number).encode()
    answer = read(decode_coupon, raw(coupon(), "timestamp", written))
    assert not math.isnan(number) or isinstance(answer, Rejection)


def test_quotes_are_scanned_once():
    """A scan whose time grows with the square of the quotes would take a minute."""
    for quote in (b'"', b"'"):
        assert scan_fields(quote + b"\\" + (quote + b"\\") * 32_000).values == {}
