"""Reads JSON strictly, and rejects ambiguities."""

import json
from typing import Any


def loads(text: str) -> Any:
    """The value of JSON text. Raises ValueError (for broken JSON its subclass JSONDecodeError), also for NaN and for an
    object with two equal names, and RecursionError."""
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
