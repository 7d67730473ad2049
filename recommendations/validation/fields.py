"""Validates single fields. Each function takes the field's name and value, and returns the value to store or raises
InvalidRow.

Leagues, teams and sports repeat in messages, so their results are cached, unless they are long; personal data is not
cached. Texts of markets, lines, outcomes and producers are upper-case. A line is empty in a market without lines.
Numbers have their shortest form: 2.50 becomes "2.5".
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from functools import lru_cache, update_wrapper
from math import isfinite
from typing import TypeVar, cast, overload

import msgspec
from msgspec import UNSET, UnsetType

from recommendations.errors import InvalidRow
from tenants.numbers import parse_decimal

from . import times
from .currencies import MAX_DECIMALS
from .normal_form import name_form, upper_form
from .own_ids import MAX_OWN_ID, OwnId, own_id

MAX_TEXT = 100
MAX_SPORT, MAX_GENDER = 50, 20
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
MAX_ODD = Decimal("999999.999")
MAX_PARTICIPANTS = 300  # of a one-sided event: a marathon's elite, a golf tournament's field
MAX_STAKE = Decimal("999999999999.99")

SEPARATOR = "\x1f"  # separates the parts of a key; stored text has no control characters
_CACHED = 32_768  # texts of at most 100 characters: some megabytes
_SHOWN = 40  # characters of a rejected value
# Rejections are logged and counted with their texts, so only values that can't be personal data are shown.
_SHOWN_FIELDS = frozenset({"odd", "sport", "begin_timestamp", "end_timestamp", "max_stakes", "default_stakes"})
_CURRENCY = re.compile("[A-Z0-9]{3,10}")
_LINE_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,12})?", re.ASCII)
_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ODD_STEP, _HUNDREDTH, _SMALLEST = Decimal("0.001"), Decimal("0.01"), Decimal(1).scaleb(-MAX_DECIMALS)
_FIRST_OF_NUMBER = frozenset(b"-0123456789")  # of a JSON number, which the JSON decoder has validated
_DECODE_TIME = msgspec.json.Decoder(datetime | float).decode
_DECODE_CONSENT = msgspec.json.Decoder(bool | int | str).decode
_DECODE_NUMBER = msgspec.json.Decoder(int | float).decode
_ZERO, _ONE = Decimal(0), Decimal(1)
_ALLOWED = frozenset({"true", "t", "yes", "y", "1"})
_REFUSED = frozenset({"false", "f", "no", "n", "0"})


Validate = Callable[[str, str], str]
MarketText = str | int | float
F = TypeVar("F", bound=Validate)


def _cached_if_short(validate: F) -> F:
    """Cache the results of values of at most `MAX_TEXT` characters. Longer values would fill the memory."""
    cached = lru_cache(_CACHED)(validate)

    def call(field: str, value: str) -> str:
        return (cached if len(value) <= MAX_TEXT else validate)(field, value)

    return cast(F, update_wrapper(call, validate))


@overload
def identity(field: str, value: OwnId, highest: int = MAX_OWN_ID) -> OwnId: ...
@overload
def identity(field: str, value: OwnId | None, highest: int = MAX_OWN_ID) -> OwnId | None: ...
def identity(field: str, value: OwnId | None, highest: int = MAX_OWN_ID) -> OwnId | None:
    """The casino's own id; with a `highest` above `MAX_OWN_ID`, also a stored id."""
    if isinstance(value, str):
        return own_id(field, value)
    if value is not None and not 0 < value <= highest:
        raise InvalidRow("out_of_range", field, f"must be from 1 to {highest}")
    return value


def text(field: str, value: str) -> str:
    return _storable(field, name_form(value))


def _storable(field: str, value: str, longest: int = MAX_TEXT) -> str:
    if not value:
        raise InvalidRow("missing", field, "must not be empty")
    if len(value) > longest:
        raise InvalidRow("too_long", field, f"has {len(value)} characters; must have at most {longest}")
    if _UNSTORABLE.search(value):
        raise InvalidRow("bad_text", field, "must have no control characters and no lone surrogates")
    return value


@_cached_if_short
def name(field: str, value: str) -> str:
    """A case-sensitive name of this service, such as a recommender's."""
    return text(field, value)


@_cached_if_short
def classifier(field: str, value: str) -> str:
    """Classifying text in upper case. Its length is checked afterwards, because ß becomes SS."""
    return _storable(field, upper_form(value))


@_cached_if_short
def sport(field: str, value: str) -> str:
    return _storable(field, upper_form(value), MAX_SPORT)


@_cached_if_short
def gender(field: str, value: str) -> str:
    return _storable(field, upper_form(value), MAX_GENDER)


@_cached_if_short
def optional_classifier(field: str, value: str) -> str:
    """Classifying text in upper case; empty if unknown."""
    value = upper_form(value)
    return value and _storable(field, value)


@_cached_if_short
def currency(field: str, value: str) -> str:
    """A code in the form of a currency code; the casino's catalogue decides whether the currency has known decimals."""
    value = upper_form(value)
    if _CURRENCY.fullmatch(value) is None:
        raise InvalidRow("unknown_value", field, "must be a code of 3 to 10 letters and digits, such as EUR")
    return value


def market_text(field: str, value: MarketText) -> str:
    """The upper-case name, or number as text, of a market, an outcome or a producer. Raises InvalidRow."""
    return classifier(field, value if isinstance(value, str) else _as_text(value))


def line_text(field: str, value: MarketText | None) -> str:
    """The normal form of a line; empty without a line. Raises InvalidRow."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        return _line_of_number(field, value)
    return _cached_line(field, value) if len(value) <= MAX_TEXT else classifier(field, value)


@lru_cache(_CACHED, typed=True)
def _line_of_number(field: str, value: float) -> str:
    return _cached_line(field, _as_text(value))


@lru_cache(_CACHED)
def _cached_line(field: str, text: str) -> str:
    upper = upper_form(text)
    if _LINE_NUMBER.fullmatch(upper) is None:
        return upper and classifier(field, upper)
    number = Decimal(upper)
    return "0" if number.is_zero() else f"{number.normalize():f}"


def _as_text(value: MarketText) -> str:
    """The text of a JSON number: 1.0 is the market 1."""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e12 else repr(value)
    return value if isinstance(value, str) else str(value)


def named_outcome(
    market: MarketText | UnsetType | None, line: MarketText | UnsetType | None, outcome: MarketText | UnsetType | None
) -> tuple[str | UnsetType, str | UnsetType, str | UnsetType]:
    """The market, line and outcome of a selection or a served event in their stored form; UNSET for missing ones.
    Raises InvalidRow, also for a line or an outcome without a market."""
    named = [UNSET if value is None or value == "" else value for value in (market, line, outcome)]
    market, line, outcome = named
    if isinstance(market, UnsetType):
        if line is not UNSET or outcome is not UNSET:
            raise InvalidRow("inconsistent", "market", "is required with a line or an outcome")
        return UNSET, UNSET, UNSET
    return (
        market_text("market", market),
        UNSET if isinstance(line, UnsetType) else line_text("line", line) or UNSET,
        UNSET if isinstance(outcome, UnsetType) else market_text("outcome", outcome),
    )


def _shown_value(field: str, value: object) -> str:
    """The beginning of a message with the value, if the field's values may be shown; else empty."""
    if field not in _SHOWN_FIELDS:
        return ""
    shown = str(value)
    return f"is {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '..'}; "


def participants(field: str, values: Sequence[str]) -> tuple[str, ...]:
    """The names of a one-sided event's participants in the given order, without repetitions."""
    if len(values) > MAX_PARTICIPANTS:
        raise InvalidRow("out_of_range", field, f"lists {len(values)} names; must list at most {MAX_PARTICIPANTS}")
    return tuple(dict.fromkeys(classifier(field, each) for each in values))


def finite(field: str, value: float | None) -> float | None:
    if value is not None and not isfinite(value):
        raise InvalidRow("out_of_range", field, f"is {value}; must be a finite number")
    return value


def time(field: str, value: datetime | str | float) -> datetime:
    """An aware time of any year."""
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    try:
        return times.read_time(value)
    except ValueError as error:
        code = "wrong_type" if isinstance(value, str) else "out_of_range"
        raise InvalidRow(code, field, f"{_shown_value(field, repr(value))}{error}") from error


def time_in_json(field: str, given: bytes) -> datetime:
    """An aware time from JSON text or a JSON number."""
    try:
        value: datetime | str | float = _DECODE_TIME(given)
    except msgspec.ValidationError:  # not in the decoder's own form, as nearly all times are
        value = _text_in_json(field, given)
    return time(field, value)


def date_in_json(field: str, given: bytes) -> date:
    """A date from JSON text or a JSON number."""
    value = _DECODE_NUMBER(given) if given[0] in _FIRST_OF_NUMBER else _text_in_json(field, given)
    try:
        return times.read_date(value)
    except ValueError as error:
        raise InvalidRow("wrong_type", field, f"{_shown_value(field, repr(value))}{error}") from error


def consent_in_json(field: str, given: bytes) -> bool:
    """Consent to personalisation from JSON: true, false, 1 or 0, or text with one of these, yes or no. Raises
    InvalidRow for other values: consent must not be guessed."""
    try:
        word = str(_DECODE_CONSENT(given)).strip().casefold()
    except msgspec.DecodeError as error:
        raise InvalidRow("wrong_type", field, "must be true or false") from error
    if word not in _ALLOWED | _REFUSED:
        raise InvalidRow("wrong_type", field, f"is {word[:40]!r}; must be true or false")
    return word in _ALLOWED


def _text_in_json(field: str, given: bytes) -> str:
    if not given.startswith(b'"'):
        raise InvalidRow("wrong_type", field, f"must be {times.FORMS}")
    return msgspec.json.decode(given, type=str)


def instant(field: str, value: datetime) -> datetime:
    """A time in UTC; a time without a zone counts as UTC."""
    if value.tzinfo is not UTC:
        # bounds first: near datetime's minimum and maximum, the conversion to UTC would overflow
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        _require_plausible(field, aware)
        return aware.astimezone(UTC)
    _require_plausible(field, value)
    return value


def _require_plausible(field: str, value: datetime) -> None:
    if not EARLIEST <= value < LATEST:
        raise InvalidRow(
            "out_of_range",
            field,
            f"{_shown_value(field, value.isoformat())}must lie between {EARLIEST.year} and {LATEST.year}",
        )


def birth_date(field: str, value: date, year: int) -> date:
    if value.year != year:
        raise InvalidRow("inconsistent", field, "must lie in birth_year")
    return value


def birth_year(field: str, value: int) -> int:
    if not 1900 <= value <= 2100:
        raise InvalidRow("out_of_range", field, "must lie between 1900 and 2100")
    return value


def amount(field: str, given: bytes) -> Decimal:
    """An amount from a JSON number, or from text in the form of JSON numbers."""
    number = None
    try:  # `suppress` takes longer than reading the number
        if given[0] in _FIRST_OF_NUMBER:
            return Decimal(given.decode())
        if given.startswith(b'"'):
            number = parse_decimal(msgspec.json.decode(given, type=str))
    except InvalidOperation:  # an exponent with too many digits
        pass
    if number is None:
        shown = _shown_value(field, given.decode(errors="replace"))
        raise InvalidRow("wrong_type", field, f"{shown}must be a number, or text such as 2.50")
    return number


def odd(field: str, value: Decimal) -> Decimal:
    try:  # faster than a decimal context, for each selection
        rounded = value.quantize(_ODD_STEP)
        if _ONE < rounded <= MAX_ODD:
            return rounded
    except InvalidOperation:  # infinite, not a number, or with too many digits
        pass
    raise _out_of_range(field, value, f"must be above {_ONE} and at most {MAX_ODD}, in steps of {_ODD_STEP}")


def stake(field: str, value: Decimal) -> Decimal:
    """An exact amount with two to eight decimals: the message need not have the currency, which decides how many are
    valid. Rounding happens at the payment, also of noise from binary fractions."""
    try:
        hundredths = value.quantize(_HUNDREDTH)
        rounded = hundredths if hundredths == value else _with_decimals(value.quantize(_SMALLEST))
        if _ZERO < rounded <= MAX_STAKE:
            return rounded
    except InvalidOperation:  # infinite, not a number, or with too many digits
        pass
    raise _out_of_range(field, value, f"must be above 0 and at most {MAX_STAKE}, with at most {MAX_DECIMALS} decimals")


def _with_decimals(value: Decimal) -> Decimal:
    """The number without trailing zeros, but with at least two decimals."""
    hundredths = value.quantize(_HUNDREDTH)
    return hundredths if hundredths == value else value.normalize()


def coupon_stake(field: str, value: Decimal) -> Decimal:
    """A stake, or 0 for a free bet."""
    return _ZERO.quantize(_HUNDREDTH) if value.is_zero() else stake(field, value)


def limit(field: str, value: Decimal) -> Decimal:
    """A limit, rounded down; 0, a reached limit, if it is negative or below the smallest amount."""
    with suppress(InvalidOperation):  # infinite, not a number, or with too many digits: rejected below
        if value < _SMALLEST:
            return _ZERO.quantize(_HUNDREDTH)
        value = value.quantize(_SMALLEST, ROUND_DOWN)
    return stake(field, value)


def _out_of_range(field: str, value: Decimal, problem: str) -> InvalidRow:
    return InvalidRow("out_of_range", field, f"{_shown_value(field, value)}{problem}")
