"""Times of users and events in the forms in which people write them, and times that are none."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ingestion.messages.decoding import Partial, Rejection
from ingestion.tests.decoded_messages import envelope_of, read
from ingestion.tests.kafka_client import NOW
from ingestion.tests.sample_messages import event, user
from ingestion.topics import EVENTS, USERS
from recommendations.validation.rows import EventRow, UserRow

BEGIN = datetime(2026, 12, 20, 15, tzinfo=UTC)
FORMS = [
    *(
        "2026-12-20T15:00Z",
        "20261220T150000Z",
        "2026-12-20 16:00:00 +0100",
        "2026-12-20t15:00:00,0z",
        "2026-12-20T15+00",
    ),
    *(1_797_778_800, "1797778800", 1_797_778_800_000, "1797778800000", 1_797_778_800_000_000, "1797778800000000"),
]
PAST = ["2025-06-01T11:28Z", "20250601T112800Z", "2025-06-01 13:28 +02", "1748777280", 1_748_777_280_000_000]


def change_of(value: dict[str, Any], **message: Any) -> Any:
    content = read(EVENTS, envelope_of(EVENTS, {"id": 7, **value}, **message))
    assert isinstance(content, Partial)
    return content.change


@pytest.mark.parametrize("form", FORMS)
def test_the_times_of_an_event_have_each_form(form):
    end = (BEGIN + timedelta(hours=2)).isoformat()
    row = read(EVENTS, envelope_of(EVENTS, event(begin_timestamp=form, end_timestamp=end)))
    assert isinstance(row, EventRow)
    assert row.begin_timestamp == BEGIN
    assert change_of({"begin_timestamp": form}).begin_timestamp == BEGIN


@pytest.mark.parametrize("form", PAST)
def test_the_times_of_a_user_have_each_form(form):
    row = read(USERS, envelope_of(USERS, user(timestamp=form, status="time_out", status_until="20300101")))
    assert isinstance(row, UserRow)
    assert row.timestamp == datetime(2025, 6, 1, 11, 28, tzinfo=UTC)
    assert row.status_until == datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("form", ["1985-03-01", "1985-03-01T00:00:00Z", "19850301", "1985-03-01 00:00", 478_483_200])
def test_a_birth_date_may_be_written_as_a_time(form):
    row = read(USERS, envelope_of(USERS, user(birth_date=form)))
    assert isinstance(row, UserRow)
    assert row.birth_date == date(1985, 3, 1)


@pytest.mark.parametrize("form", ["01/02/2026", "20.12.2026", "1985-02-28T23:00:00Z", "soon"])
def test_a_time_that_could_be_two_is_refused_by_its_field(form):
    for topic, message, field in ((EVENTS, event(), "begin_timestamp"), (USERS, user(), "birth_date")):
        if (topic, form) == (EVENTS, "1985-02-28T23:00:00Z"):
            continue  # one time, and a long past one
        answer = read(topic, envelope_of(topic, message | {field: form}))
        assert isinstance(answer, Rejection)
        assert (answer.code, answer.field) == ("wrong_type", field)


REFUSED = [
    (
        EVENTS,
        "begin_timestamp",
        "01/02/2027",
        "wrong_type",
        "is '01/02/2027'; must be a time in ISO 8601",
    ),
    (EVENTS, "end_timestamp", "\u0000", "wrong_type", r"is '\x00'; must be a time in ISO 8601"),
    (EVENTS, "end_timestamp", True, "wrong_type", "end_timestamp must be a time in ISO 8601"),
    (EVENTS, "begin_timestamp", "19991231", "out_of_range", "must lie between 2000 and 2100"),
    (EVENTS, "timestamp", "then", "wrong_type", "timestamp must be a time in ISO 8601"),
    (USERS, "timestamp", "then", "wrong_type", "timestamp must be a time in ISO 8601"),
    (USERS, "birth_date", "05.05.1985", "wrong_type", "birth_date must be a date, such as 1985-03-01"),
    (USERS, "birth_date", "1985-03-01T05:00Z", "wrong_type", "birth_date is a time of day; must be a date"),
]


def test_a_refusal_of_a_time_tells_the_forms_to_send():
    for topic, field, value, code, text in REFUSED:
        message = (event() if topic is EVENTS else user()) | {field: value}
        answer = read(topic, envelope_of(topic, message))
        assert isinstance(answer, Rejection)
        assert (answer.code, answer.field) == (code, field)
        assert text in answer.detail


@pytest.mark.parametrize("sent_at", [-1, 0, 2**62])
def test_a_wrong_time_of_kafka_is_blamed_on_no_field(sent_at):
    row = read(EVENTS, envelope_of(EVENTS, event(), sent_at=sent_at))
    assert isinstance(row, EventRow)
    assert row.timestamp == NOW
    assert change_of({"status": "suspended"}, sent_at=sent_at).timestamp == NOW


def test_a_begin_without_start_time_tbd_is_known_to_the_hour():
    day = {"begin_timestamp": "2026-12-20"}
    assert change_of(day).start_time_tbd is False
    assert change_of(day | {"start_time_tbd": True}).start_time_tbd is True
    assert "start_time_tbd" in change_of({"odd": 2}).unset_columns


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"status": "zzz"}, "unknown_value", "status"),
        ({"odd": "x"}, "wrong_type", "odd"),
        ({"end_timestamp": ""}, "wrong_type", "end_timestamp"),
        ({"end_timestamp": "2026-12-19"}, "inconsistent", "end_timestamp"),
    ],
)
def test_a_time_that_can_be_read_is_not_blamed_for_another_field(wrong, code, field):
    message = event(begin_timestamp="2026-12-20", end_timestamp="2026-12-21") | wrong
    answer = read(EVENTS, envelope_of(EVENTS, message))
    assert isinstance(answer, Rejection)
    assert (answer.code, answer.field) == (code, field)
