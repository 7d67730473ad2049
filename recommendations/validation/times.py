"""Reads times and dates in messages, files and commands.

A time is ISO 8601 as people and programs write it, or a number: Unix seconds, milliseconds or microseconds,
distinguished by the number's size, for each time from 1973 to 2100. A text of digits is such a number, except that
eight digits are a date, as 20261220. An ambiguous time, as 01/02/2026, is rejected.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as dt_time

_DATE = r"(?P<year>\d{4})(?P<dash>-?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)"
_CLOCK = r"(?P<hour>\d\d)(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,12}))?)?)?"
# U+2212 is the minus sign of ISO 8601.
_ZONE = r"(?P<zone>[Zz]|UTC|(?P<sign>[+\-\u2212])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?)"
_ISO = re.compile(rf"{_DATE}(?:(?:[Tt]|\ +){_CLOCK}(?:\ ?{_ZONE})?)?", re.ASCII)
_NUMBER = re.compile(r"-?\d{9,20}(?:\.\d{1,9})?", re.ASCII)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM, _MICROSECONDS_FROM = 10**11, 10**14  # as seconds these are the years 5138 and 3,170,843
_DATE_FORM = "a date, such as 1985-03-01"
FORMS = "a time in ISO 8601, such as 2026-12-20T15:00:00Z, or Unix seconds, milliseconds or microseconds"


def read_time(value: datetime | str | float) -> datetime:
    """The aware time; a time without a zone counts as UTC, a date as its first moment. Raises ValueError."""
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if isinstance(value, str):
        return _parse_text(value.strip())
    return _parse_number(value)


def read_date(value: date | datetime | str | float) -> date:
    """The date. For a time, the date as written, but only if the time is midnight: at another hour, the sender may mean
    the date before or after. Raises ValueError."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and (found := _ISO.fullmatch(value.strip())) is not None:
            value = _parse_iso(found)
        time = value if isinstance(value, datetime) else read_time(value)
    except ValueError as error:
        raise ValueError(f"must be {_DATE_FORM}") from error
    if time.replace(hour=0, minute=0, second=0, microsecond=0) != time:
        raise ValueError(f"is a time of day; must be {_DATE_FORM}")
    return time.date()


def _parse_text(text: str) -> datetime:
    if (found := _ISO.fullmatch(text)) is not None:
        return _parse_iso(found)
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"must be {FORMS}")
    return _parse_number(float(text) if "." in text else int(text))


def _parse_iso(found: re.Match[str]) -> datetime:
    """The written time in its zone. Raises ValueError for a time that does not exist."""
    parts = found.groupdict()
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    microsecond = int((parts["fraction"] or "").ljust(6, "0")[:6])
    is_next_day = hour == 24 and not (minute or second or microsecond)  # 24:00 ends the day, by ISO 8601
    try:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        clock = dt_time(0 if is_next_day else hour, minute, second, microsecond, _zone(parts))
        time = datetime.combine(day, clock)
        return time + timedelta(days=is_next_day)
    except (ValueError, OverflowError):
        raise ValueError(f"does not exist; must be {FORMS}") from None


def _zone(parts: dict[str, str | None]) -> timezone:
    if parts["sign"] is None:
        return UTC
    minutes = int(parts["minutes"] or 0)
    if minutes > 59:
        raise ValueError
    offset = timedelta(hours=int(parts["hours"] or 0), minutes=minutes)
    return timezone(offset if parts["sign"] == "+" else -offset)


def _parse_number(number: float) -> datetime:
    if isinstance(number, bool):
        raise ValueError(f"must be {FORMS}")
    size = abs(number)
    scale = 1_000_000 if size < _MILLISECONDS_FROM else 1_000 if size < _MICROSECONDS_FROM else 1
    try:
        return _EPOCH + timedelta(microseconds=round(number * scale))
    except (OverflowError, ValueError):  # ValueError: not a number
        raise ValueError(f"is not a time from the year 1 to 9999; must be {FORMS}") from None
