"""The ids that a casino chooses for its users, events and coupons: whole numbers, or any other printable text.

An `int` from 1 to `MAX_OWN_ID` is the row's id in the tables. For a `str`, a number stands in the tables (`text_ids`).
Digits without a sign or leading zeros up to `MAX_OWN_ID` therefore become an `int`, sent as a number or as text.
"""

import re
from argparse import ArgumentTypeError

from recommendations.errors import InvalidRow

from .normal_form import id_form

OwnId = int | str

MAX_OWN_ID = 2**62  # half of bigint: PostgreSQL's sequences use the ids above
# The numbers that stand for texts. No table's own sequence, which begins after the casino's highest id, reaches them.
FIRST_TEXT_ID = 2**62 + 2**61
MAX_ID_TEXT = 128

_DIGITS = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
# Whole numbers as spreadsheets and data frames write them: it is uncertain which id they mean.
_NUMBER_IN_OTHER_FORM = re.compile(r"\+[0-9]+(?:\.0+)?|[0-9]+\.0+", re.ASCII)
_EXACT_FLOATS = 2.0**53  # below, floats represent whole numbers exactly
_MOST_DIGITS = 10**MAX_ID_TEXT


def own_id(field: str, value: OwnId | float) -> OwnId:
    """The id in JSON's number or text. Raises InvalidRow."""
    if type(value) is int and 0 < value <= MAX_OWN_ID:  # nearly always
        return value
    if isinstance(value, str):
        return _parse_text(field, value)
    if isinstance(value, float):
        if not (value.is_integer() and abs(value) < _EXACT_FLOATS):
            raise InvalidRow("wrong_type", field, "must be text, or a whole number without decimals and exponent")
        value = int(value)
    if not 0 < value < _MOST_DIGITS:
        raise InvalidRow("out_of_range", field, f"must be text, or a number from 1 to {MAX_OWN_ID}")
    return value if value <= MAX_OWN_ID else str(value)


def parse_own_id(text: str) -> OwnId | None:
    """The id in a path, a parameter, a command or a cell; None if the text is not an id."""
    try:
        return _parse_text("", text)
    except InvalidRow:
        return None


def as_own_id(text: str) -> OwnId:
    """The id in a command's argument. Raises ArgumentTypeError."""
    try:
        return _parse_text("it", text)
    except InvalidRow as error:
        raise ArgumentTypeError(f"{text!r} is not an id: {error}") from error


def _parse_text(field: str, text: str) -> OwnId:
    if not text.isascii():
        text = id_form(text)
    if _DIGITS.fullmatch(text) and (number := int(text)) <= MAX_OWN_ID:
        return number
    if not text:
        raise InvalidRow("missing", field, "must not be empty")
    if len(text) > MAX_ID_TEXT:
        raise InvalidRow("too_long", field, f"has {len(text)} characters; must have at most {MAX_ID_TEXT}")
    if _NUMBER_IN_OTHER_FORM.fullmatch(text):
        raise InvalidRow("wrong_type", field, "is a number with a sign or decimals in text: send the digits alone")
    if text != text.strip() or not text.isprintable():
        raise InvalidRow("bad_text", field, "must have printable characters only, and no blank at its ends")
    return text
