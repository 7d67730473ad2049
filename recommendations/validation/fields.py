"""The rules of single fields. Each takes the field's name and value, and answers the value as it is stored, or raises
InvalidRow.

Messages say the same leagues, teams and sports again and again, so that what was answered for them is remembered; what
tells of a person is not.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from math import isfinite

from recommendations.errors import InvalidRow

MAX_OWN_ID = 2**62  # half of bigint: PostgreSQL's sequences need the ids above those that casinos choose
MAX_TEXT = 100
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
MAX_ODD = Decimal("999999.999")
MAX_STAKE = Decimal("999999999999.99")

_REMEMBERED = 32_768  # texts of a hundred characters at most: some megabytes
SEPARATOR = "\x1f"  # between parts of a key: stored text has no control characters
_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ODD_STEP, _STAKE_STEP = Decimal("0.001"), Decimal("0.01")
_ZERO, _ONE = Decimal(0), Decimal(1)


def identity(field: str, value: int | None, highest: int = MAX_OWN_ID) -> int | None:
    if value is not None and not 0 < value <= highest:
        raise InvalidRow("out_of_range", field, f"must be from 1 to {highest}")
    return value


def text(field: str, value: str) -> str:
    value = " ".join(value.split())
    if not value:
        raise InvalidRow("missing", field, "must not be empty")
    if len(value) > MAX_TEXT:
        raise InvalidRow("too_long", field, f"must have at most {MAX_TEXT} characters")
    if _UNSTORABLE.search(value):
        raise InvalidRow("bad_text", field, "must have no control characters and no lone surrogates")
    return value


@lru_cache(_REMEMBERED)
def name(field: str, value: str) -> str:
    """What this service itself calls something, as a recommender: case counts."""
    return text(field, value)


@lru_cache(_REMEMBERED)
def classifier(field: str, value: str) -> str:
    """Text that classifies is stored upper-case; the length counts after that, since ß becomes SS."""
    return text(field, value.upper())


@lru_cache(_REMEMBERED)
def one_of(field: str, value: str, known: tuple[str, ...]) -> str:
    value = value.strip().upper()
    if value not in known:
        raise InvalidRow("unknown_value", field, f"must be one of {', '.join(known)}")
    return value


def finite(field: str, value: float | None) -> float | None:
    if value is not None and not isfinite(value):
        raise InvalidRow("out_of_range", field, "must be a finite number")
    return value


def instant(field: str, value: datetime) -> datetime:
    """Times without a zone are UTC."""
    if value.tzinfo is not UTC:
        # bounds first: near the ends of what a datetime can say, moving to UTC overflows
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        _require_plausible(field, aware)
        return aware.astimezone(UTC)
    _require_plausible(field, value)
    return value


def _require_plausible(field: str, value: datetime) -> None:
    if not EARLIEST <= value < LATEST:
        raise InvalidRow("out_of_range", field, f"must lie between {EARLIEST.year} and {LATEST.year}")


def birth_date(field: str, value: date, year: int) -> date:
    if value.year != year:
        raise InvalidRow("inconsistent", field, f"must lie in birth_year, {year}")
    return value


def birth_year(field: str, value: int) -> int:
    if not 1900 <= value <= 2100:
        raise InvalidRow("out_of_range", field, "must lie between 1900 and 2100")
    return value


def odd(field: str, value: Decimal) -> Decimal:
    return _amount(field, value, _ONE, MAX_ODD, _ODD_STEP)


def stake(field: str, value: Decimal) -> Decimal:
    return _amount(field, value, _ZERO, MAX_STAKE, _STAKE_STEP)


def limit(field: str, value: Decimal) -> Decimal:
    """An amount that may be zero."""
    return _ZERO.quantize(_STAKE_STEP) if value == _ZERO else stake(field, value)


def _amount(field: str, value: Decimal, above: Decimal, at_most: Decimal, step: Decimal) -> Decimal:
    try:
        rounded = value.quantize(step)
        if above < rounded <= at_most:
            return rounded
    except InvalidOperation:  # what is infinite, or no number
        pass
    raise InvalidRow("out_of_range", field, f"must be above {above} and at most {at_most}, in steps of {step}")
