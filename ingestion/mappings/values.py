"""The values of documents before they become fields."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tenants.numbers import parse_decimal

from .errors import UnreadableValue

LONGEST = 10_000  # characters of a text in functions
_MAX_EXPONENT = 30


class _Ambiguous:
    """The value of a name that an object has twice with different values: it can't be read."""

    def __repr__(self) -> str:
        return "AMBIGUOUS"


AMBIGUOUS = _Ambiguous()


class _Absent:
    """The value of a missing field. It is not null: a null limit means no limit."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
UNREADABLE = {"unreadable": True}  # an object, which no field can be


@dataclass(frozen=True, slots=True)
class Function:
    """One function of a rule. With `takes_all` it gets the list of all values found, else each value. With
    `makes_several` it returns a list of values, with `filters` a list of one or none.

    `apply` raises UnreadableValue. `guesses`: it returns a value even for text that is not in its table.
    """

    name: str
    apply: Callable[[Any], Any]
    takes_all: bool = False
    guesses: bool = False
    makes_several: bool = False
    filters: bool = False


def text_of(value: Any) -> str:
    """Text, or a number or truth value as JSON text, a number without an exponent. Raises UnreadableValue."""
    if isinstance(value, str):
        if len(value) > LONGEST:
            raise UnreadableValue(f"has more than {LONGEST} characters")
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal) and is_plain(value):
        return f"{value:f}"
    raise UnreadableValue(f"is {kind_of(value)}, not text")


def number_of(value: Any) -> Decimal:
    """A number, or the number in a text such as 2.50. Raises UnreadableValue."""
    number = parse_decimal(value.strip()) if isinstance(value, str) and len(value) <= LONGEST else value
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        raise UnreadableValue("is no number such as 2.50")
    found = Decimal(number)
    if not is_plain(found):
        raise UnreadableValue("is a number outside of all bounds")
    return found


def is_plain(number: Decimal) -> bool:
    """Whether the number can be written without an exponent: 1e999999 would have a million digits."""
    if not number.is_finite():
        return False
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and abs(exponent) <= _MAX_EXPONENT and number.adjusted() <= _MAX_EXPONENT


def kind_of(value: Any) -> str:
    if value is AMBIGUOUS:
        return "in the document twice, with different values"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else "text" if isinstance(value, str) else "a number"
