"""Describes the problem of a value for rejections."""

import re

import msgspec

from recommendations.errors import InvalidRow

_MISSING = re.compile(r"required field `([^`]*)`")
_PLACE = re.compile(r"at `\$\.?([^`]*)`")
_CONSTRAINTS = (
    ("missing required field", "missing"),
    ("of length >= ", "missing"),
    ("of length <= ", "too_long"),
    (" >= ", "out_of_range"),
    (" <= ", "out_of_range"),
)


def problem_of(error: Exception) -> tuple[str, str, str]:
    """The code of a rejection, the field, and the text."""
    text = str(error)
    if isinstance(error, InvalidRow):
        return error.code, error.field, text
    if not isinstance(error, msgspec.ValidationError):
        return "malformed", "", text
    field = ".".join(match[1] for pattern in (_PLACE, _MISSING) if (match := pattern.search(text)) and match[1])
    code = next((code for constraint, code in _CONSTRAINTS if constraint in text), "wrong_type")
    return code, field, text
