"""Reads JSON that people and programs send, without taking two things for one."""

import json
from typing import Any


def loads(text: str) -> Any:
    """The JSON in `text`. Raises ValueError (for broken JSON its subclass JSONDecodeError), also for NaN and for a name
    that occurs twice in an object, and RecursionError."""
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {name!r} occurs twice in an object")
        found[name] = value
    return found


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")
