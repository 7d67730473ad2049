"""Parses numbers in requests, messages, files and commands: ASCII digits, with a point before decimals. No plus sign,
exponent, underscore, space, leading zero or other script's digits. Also formats numbers with nouns."""

import re
from argparse import ArgumentTypeError
from decimal import Decimal
from typing import TypeVar

from .ids import MAX_ID

Number = TypeVar("Number", int, Decimal)

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,3999}", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,3999})(?:\.[0-9]{1,3999})?", re.ASCII)


def parse_whole_number(text: str, lowest: int | None = None, highest: int | None = None) -> int | None:
    """The whole number from `lowest` to `highest`; None for any other text."""
    if _WHOLE.fullmatch(text) is None:
        return None
    number = int(text)
    is_within = (lowest is None or lowest <= number) and (highest is None or number <= highest)
    return number if is_within else None


def counted(count: int, noun: str, plural: str = "") -> str:
    """The number with its noun: `1 dead letter`, `2 dead letters`."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def parse_id(text: str) -> int | None:
    """The id from 1 to `MAX_ID`; None for any other text."""
    return parse_whole_number(text, 1, MAX_ID)


def parse_decimal(text: str) -> Decimal | None:
    """A number such as 12 or 12.50; None for any other text."""
    return None if _DECIMAL.fullmatch(text) is None else Decimal(text)


def as_id(text: str) -> int:
    """A command's argument: an id, which need not exist. Raises ArgumentTypeError."""
    return _argument(parse_whole_number(text), text, "an id: a whole number")


def as_positive(text: str) -> int:
    """A command's argument of at least 1. Raises ArgumentTypeError."""
    return _argument(parse_whole_number(text, 1), text, "a whole number of at least 1")


def as_count(text: str) -> int:
    """A command's argument of at least 0. Raises ArgumentTypeError."""
    return _argument(parse_whole_number(text, 0), text, "a whole number of at least 0")


def as_decimal(text: str) -> float:
    """A command's argument of at least 0, such as 12 or 0.5. Raises ArgumentTypeError."""
    number = parse_decimal(text)
    found = None if number is None or number < 0 else number
    return float(_argument(found, text, "a number of at least 0, such as 12 or 0.5"))


def as_signed_decimal(text: str) -> float:
    """A command's argument such as 12 or -0.5. Raises ArgumentTypeError."""
    return float(_argument(parse_decimal(text), text, "a number such as 12 or -0.5"))


def _argument(number: Number | None, text: str, what: str) -> Number:
    if number is None:
        raise ArgumentTypeError(f"{text!r} is not {what}")
    return number
