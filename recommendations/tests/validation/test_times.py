"""One reader of times, in all messages and files."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.validation.times import read_date, read_time

AT_THREE = datetime(2026, 12, 20, 15, tzinfo=UTC)
MIDNIGHT = datetime(2026, 12, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-12-20T15:00:00Z",
        "2026-12-20T15:00:00",
        "2026-12-20T15:00:00.000+00:00",
        "2026-12-20T15:00:00,000Z",
        "2026-12-20T15:00:00.000000000Z",
        "2026-12-20T15:00Z",
        "2026-12-20T15:00",
        "2026-12-20T15Z",
        "2026-12-20 15:00:00",
        "2026-12-20  15:00:00 +00:00",
        "2026-12-20t15:00:00z",
        "2026-12-20T15:00:00+00",
        "2026-12-20T15:00:00-0000",
        "2026-12-20T16:00:00+01",
        "2026-12-20T10:00:00\u221205:00",
        "2026-12-20T20:30:00+05:30",
        "20261220T150000Z",
        "20261220T1500",
        "20261220 150000",
        " 2026-12-20 15:00:00 UTC\n",
        1_797_778_800,
        1_797_778_800.0,
        1_797_778_800_000,
        1_797_778_800_000_000,
        "1797778800",
        "1797778800.000",
        "1797778800000",
        "1797778800000000",
        datetime.fromisoformat("2026-12-20T15:00"),
        AT_THREE,
    ],
)
def test_each_form_is_the_same_time(value):
    assert read_time(value) == AT_THREE


@pytest.mark.parametrize("value", ["2026-12-20", "20261220", "2026-12-20T00:00", "2026-12-19T24:00:00Z"])
def test_a_date_alone_is_its_first_moment(value):
    assert read_time(value) == MIDNIGHT


@pytest.mark.parametrize(
    "value",
    [
        *("01/02/2026", "1/2/2026", "20.12.2026", "20-12-2026", "12-20-2026", "2026/12/20", "26-12-20"),
        *("2026-1-2", "2026-12", "2026", "202612", "2026W512", "2026-W51-7", "2026-354", "2026-1220"),
        *(
            "2026-12-20x15:00",
            "2026-12-20T15:0",
            "2026-12-20T15:00:00.Z",
            "15:00",
            "T15:00",
            "now",
            "tomorrow",
            "-",
            "",
        ),
        *(
            "2026-13-01",
            "2026-02-29",
            "2026-12-20T25:00",
            "2026-12-20T24:01",
            "2026-12-20T15:60",
            "2026-12-20T15:00:61",
        ),
        *("2026-12-20T15:00+25:00", "2026-12-20T15:00+01:75", "2026-12-20T15:00+1", "9999-12-31T24:00"),
        *("2026-12-20T15:00 CET", "2026-12-20T15:00Z[UTC]", "Sun, 20 Dec 2026 15:00:00 GMT", "12/20/2026 3:00 PM"),
        *("٢٠٢٦-١٢-٢٠", "1797778800s", "1_797_778_800", "+1797778800", "1.7977788e9", "20261220150000000000000"),
        *(float("nan"), float("inf"), 1e308, -(10**400), True, False),
    ],
)
def test_what_is_no_time_or_could_be_two_is_refused(value):
    with pytest.raises(ValueError, match=r"must be a time in ISO 8601"):
        read_time(value)


@pytest.mark.parametrize(
    "value",
    [
        *("1985-03-01", "19850301", " 1985-03-01 ", "1985-03-01T00:00:00Z", "1985-03-01 00:00:00", "1985-03-01T00:00"),
        *("1985-03-01T00:00:00+02:00", "1985-03-01T00:00:00.000-0500", 478_483_200, "478483200", 478_483_200_000),
        *(date(1985, 3, 1), datetime(1985, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_date_may_be_written_as_the_midnight_with_which_it_begins(value):
    assert read_date(value) == date(1985, 3, 1)


def test_a_date_before_1970_may_be_a_number():
    assert read_date(-315_619_200) == date(1960, 1, 1)


@pytest.mark.parametrize("value", ["1985-02-28T23:00:00Z", "1985-03-01T12:00", 478_483_201, "01/03/1985", "1985", True])
def test_another_hour_could_be_two_dates_and_is_refused(value):
    with pytest.raises(ValueError, match="must be"):
        read_date(value)


@given(st.datetimes(*map(datetime.fromisoformat, ("2000-01-01", "2099-12-31")), timezones=st.just(UTC)))
def test_a_time_is_read_back_from_each_form(time):
    microseconds = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    exact = [time.isoformat(), time.isoformat(" "), time.strftime("%Y%m%dT%H%M%S.%f"), microseconds, str(microseconds)]
    assert {read_time(each) for each in exact} == {time}
    for number in (microseconds / 1_000, microseconds / 1_000_000):
        assert abs(read_time(number) - time) <= timedelta(microseconds=1)
