"""Markets and outcomes with a field that occurs more than once, of which JSON decoders take the last, or with its name
in other case, which they ignore. What the values say differently is closed."""

from collections.abc import Iterable
from typing import Any

_SUSPENDED = "suspended"
# The value in place of different ones, by field: without a usable name or outcomes the market can't be read, and is
# closed whole; of two lines nobody knows which one is meant.
_CLOSING: dict[str, dict[str, Any]] = {
    "market": {"market": None},
    "line": {"market": None},
    "outcomes": {"outcomes": None},
    "outcome": {"outcome": None},
    "odd": {"odd": None},
    "status": {"status": _SUSPENDED},
}


def closing_what_differs(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, with what closes it where a field of a market or an outcome has different values."""
    fields: dict[str, Any] = {}
    closing: dict[str, Any] = {}
    for given, value in pairs:
        name = given.lower() if given.lower() in _CLOSING else given
        if name in fields and name in _CLOSING and fields[name] != value:
            closing |= _CLOSING[name]
        fields[name] = value
    return fields | closing
