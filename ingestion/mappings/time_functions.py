"""The functions `time` and `date`, for other formats than the service's own, and time zones."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from recommendations.serving.start_times import is_time_zone
from recommendations.validation import times

from .errors import UnreadableValue
from .tree import Node, listed
from .values import Function, number_of, text_of

T = TypeVar("T")

_MAX_FORMATS = 5
_DIRECTIVE = re.compile(r"%(.)")
_DIRECTIVES = frozenset("YymdHIMSfpzbBaAj%")
_UNITS = {
    "days": Decimal(86_400),
    "seconds": Decimal(1),
    "milliseconds": Decimal("0.001"),
    "microseconds": Decimal("0.000001"),
    "nanoseconds": Decimal("0.000000001"),
}
_DIGITS = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_SECONDS = Decimal(253_402_300_799)  # the last second of the year 9999


def make_time(node: Node) -> Function:
    """`time`: `format` (one or several, tried in order) and `zone`, or the `unit` since 1970."""
    given = node.fields(("format", "zone", "unit"), "time")
    if "unit" in given and len(given) > 1:
        raise node.fail("time has either a unit, or a format and a zone")
    if "unit" in given:
        unit = _unit(given["unit"])
        return Function("time", lambda value: _since_1970(value, unit).isoformat())
    formats, zone = _formats(given.get("format")), _zone(given.get("zone"))
    if zone is None and any("%z" not in each for each in formats):
        raise node.fail("time needs a zone, such as Europe/London, unless each format has %z")
    if not formats and zone is None:
        raise node.fail("time needs a format, a zone or a unit")
    return Function("time", lambda value: _local(value, formats, zone).isoformat())


def make_date(node: Node) -> Function:
    """`date`: a `format`, or a `unit` since 1970; text that is no number is read in the service's own formats."""
    given = node.fields(("format", "unit"), "date")
    if len(given) != 1:
        raise node.fail("date has a format or a unit")
    if "unit" in given:
        unit = _unit(given["unit"])
        return Function("date", lambda value: _day_since_1970(value, unit).isoformat())
    formats = _formats(given["format"])
    return Function("date", lambda value: _parse(text_of(value), formats).date().isoformat())


def _unit(node: Node) -> Decimal:
    name = node.text("unit")
    if name not in _UNITS:
        raise node.fail(f"unit is {name[:40]!r}; Allowed: {listed(tuple(_UNITS))}")
    return _UNITS[name]


def _formats(node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ()
    formats = tuple(each.text("format", 100) for each in node.items())
    if not 0 < len(formats) <= _MAX_FORMATS:
        raise node.fail(f"format is one format, or a list of at most {_MAX_FORMATS}")
    for each in formats:
        if unknown := sorted(set(_DIRECTIVE.findall(each)) - _DIRECTIVES):
            raise node.fail(f"format has %{unknown[0]}. Allowed: %{', %'.join(sorted(_DIRECTIVES))}")
        if "%" not in each:
            raise node.fail("format has no directive such as %Y")
        if len(directives := _DIRECTIVE.findall(each.replace("%%", ""))) > len(set(directives)):
            raise node.fail("format has a directive twice")
    return formats


def _zone(node: Node | None) -> ZoneInfo | None:
    if node is None:
        return None
    name = node.text("zone", 100)
    if not is_time_zone(name):
        raise node.fail(f"zone is {name[:40]!r}; use a name of the IANA database, such as Europe/London")
    return ZoneInfo(name)


def _since_1970(value: Any, unit: Decimal) -> datetime:
    if isinstance(value, str) and not _DIGITS.fullmatch(value.strip()):
        return _own_form(value, times.read_time)
    seconds = number_of(value) * unit
    if abs(seconds) > _MAX_SECONDS:
        raise UnreadableValue("is no time between the years 1 and 9999")
    try:
        return _EPOCH + timedelta(microseconds=int(seconds * 1_000_000))
    except OverflowError as error:
        raise UnreadableValue("is no time between the years 1 and 9999") from error


def _day_since_1970(value: Any, unit: Decimal) -> date:
    if isinstance(value, str) and not _DIGITS.fullmatch(value.strip()):
        return _own_form(value, times.read_date)
    return _since_1970(value, unit).date()


def _own_form(value: str, read: Callable[[str], T]) -> T:
    try:
        return read(text_of(value))
    except ValueError as error:
        raise UnreadableValue(f"can't be read: {error}") from error


def _local(value: Any, formats: tuple[str, ...], zone: ZoneInfo | None) -> datetime:
    time = _parse(text_of(value), formats) if formats else _iso(text_of(value))
    if time.tzinfo is not None or zone is None:
        return time
    aware = time.replace(tzinfo=zone)  # the first of two hours if a clock change repeats an hour
    try:
        is_skipped = aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != time
    except OverflowError as error:  # on the first or last day, such as .NET's DateTime.MinValue
        raise UnreadableValue("is no time between the years 1 and 9999") from error
    if is_skipped:
        raise UnreadableValue(f"is an hour that {zone.key} skips at a clock change")
    return aware


def _parse(text: str, formats: tuple[str, ...]) -> datetime:
    for each in formats:
        try:
            return datetime.strptime(text.strip(), each)  # noqa: DTZ007 (the zone is set later)
        except ValueError:
            continue
    raise UnreadableValue(f"is not in the format {' or '.join(formats)}")


def _iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UnreadableValue("is no ISO 8601 time: give its format") from error
