"""Reads odds in bookmakers' formats, and converts them exactly to decimal odds.

The message or the casino's option names the format; it is never guessed, since 150 is a decimal and an American odd.
Converted odds are rounded down to thousandths, so that no user sees a better price than the casino offers.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import msgspec

from recommendations.errors import InvalidRow

from . import fields


class OddFormat(StrEnum):
    """A format of odds. In decimal odds, the profit of a stake of 1 is the odd minus 1."""

    DECIMAL = "decimal"  # 2.5: the whole return
    FRACTIONAL = "fractional"  # 3/2: the profit
    AMERICAN = "american"  # +150: the profit of 100; -200: the stake that wins 100
    HONGKONG = "hongkong"  # 1.5: the profit
    MALAY = "malay"  # 0.5: the profit, at most 1; -0.5: the stake that wins 1
    INDONESIAN = "indonesian"  # 1.5: the profit, at least 1; -2: the stake that wins 1


Profit = Callable[[str], Fraction | None]

_EVEN_MONEY = frozenset({"EVENS", "EVEN", "EVS", "EV"})
_FRACTION = re.compile(r"(0|[1-9][0-9]{0,8})/([1-9][0-9]{0,8})", re.ASCII)
# U+2212 is the minus sign that typesetters use.
_SIGNED = re.compile(r"([+\-\u2212]?)((?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,9})?)", re.ASCII)
_EXAMPLES = {
    OddFormat.FRACTIONAL: "text such as 5/2 or EVS",
    OddFormat.AMERICAN: "such as +150 or -110",
    OddFormat.HONGKONG: "above 0, such as 1.5",
    OddFormat.MALAY: "from -1 to 1, such as 0.5 or -0.8",
    OddFormat.INDONESIAN: "at least 1 or at most -1, such as 1.5 or -2",
}
_STEPS = 1_000  # in an odd of 1
_LONGEST = 40  # characters


def parse_format(value: str) -> OddFormat:
    """The format with this name, in any case. Raises InvalidRow."""
    try:
        return OddFormat(value.strip().lower())
    except ValueError as error:
        raise InvalidRow("unknown_value", "odd_format", f"must be one of {', '.join(OddFormat)}") from error


def read_odd(field: str, given: bytes, odd_format: OddFormat) -> Decimal:
    """The decimal odd of an odd in JSON, a number or text; 1, as for a void bet, for a profit of 0. Raises InvalidRow
    for a value that is not an odd in this format."""
    if odd_format is OddFormat.DECIMAL:
        return fields.amount(field, given)
    text = _text(given)
    profit = None if text is None or len(text) > _LONGEST else _PROFITS[odd_format](text)
    if profit is None:
        shown = given[:_LONGEST].decode(errors="replace")
        raise InvalidRow("wrong_type", field, f"is {shown}; must be {odd_format} odds, {_EXAMPLES[odd_format]}")
    return Decimal(_STEPS + int(profit * _STEPS)).scaleb(-3)


def _text(given: bytes) -> str | None:
    """The text in JSON, or the digits of a number; None for another JSON value."""
    if given.startswith(b'"'):
        return msgspec.json.decode(given, type=str).strip().upper()
    return given.decode() if given[0] in b"-0123456789" else None


def _fractional(text: str) -> Fraction | None:
    if text in _EVEN_MONEY:
        return Fraction(1)
    found = _FRACTION.fullmatch(text)
    return Fraction(int(found[1]), int(found[2])) if found else None


def _american(text: str) -> Fraction | None:
    number = Fraction(100) if text in _EVEN_MONEY else _number(text)
    if number is None or 0 < abs(number) < 100:
        return None
    return number / 100 if number >= 0 else 100 / -number


def _hongkong(text: str) -> Fraction | None:
    number = _number(text)
    return number if number is not None and number >= 0 else None


def _malay(text: str) -> Fraction | None:
    number = _number(text)
    return None if number is None or abs(number) > 1 else _signed_profit(number)


def _indonesian(text: str) -> Fraction | None:
    number = _number(text)
    return None if number is None or 0 < abs(number) < 1 else _signed_profit(number)


def _signed_profit(number: Fraction) -> Fraction:
    return number if number >= 0 else 1 / -number


def _number(text: str) -> Fraction | None:
    """The number with an optional sign; None for other text."""
    found = _SIGNED.fullmatch(text)
    if found is None:
        return None
    return Fraction(found[2]) if found[1] in {"", "+"} else -Fraction(found[2])


_PROFITS: Mapping[OddFormat, Profit] = {
    OddFormat.FRACTIONAL: _fractional,
    OddFormat.AMERICAN: _american,
    OddFormat.HONGKONG: _hongkong,
    OddFormat.MALAY: _malay,
    OddFormat.INDONESIAN: _indonesian,
}
