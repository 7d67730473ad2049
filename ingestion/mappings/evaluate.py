"""Finds the value of a field in an item, and applies the functions of its rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from .errors import UnreadableValue
from .format import AllOf, Constant, FieldRule, FirstOf
from .processor_time import require_time
from .values import ABSENT, Function, is_plain, kind_of

MOST_VALUES = 1_000  # in a list
_LONGEST_TEXT = 1_000  # characters of a value: no field may have more


@dataclass(slots=True)
class Scope:
    """The item and the document in which paths begin, and the values found in the document, which all items share."""

    item: Any
    document: Any
    document_values: dict[int, list[Any]] | None = None

    def find(self, source: FirstOf) -> list[Any]:
        if not source.in_document:
            return _first_found(source, self.item)
        if self.document_values is None:
            return _first_found(source, self.document)
        if (found := self.document_values.get(id(source))) is None:
            found = self.document_values[id(source)] = _first_found(source, self.document)
        return found


def value_of(rule: FieldRule, scope: Scope) -> Any:
    """The value of a field after the rule's functions. Raises UnreadableValue."""
    source = rule.source
    if isinstance(source, Constant):
        return source.value
    found = _all_found(source, scope) if isinstance(source, AllOf) else scope.find(source)
    if rule.default is not ABSENT and all(each is None or each == "" for each in found):
        return rule.default
    if not found:
        return ABSENT
    if not rule.functions and len(found) == 1 and not isinstance(found[0], list):
        return found[0]
    return _apply_functions(rule, found)


def found_values(rule: FieldRule, scope: Scope) -> list[Any]:
    """The values at the rule's paths, before any function."""
    source = rule.source
    if isinstance(source, Constant):
        return [source.value]
    if isinstance(source, AllOf):
        return [each for path in (*source.paths, *source.optional) for each in path.find(scope.item)]
    return scope.find(source)


def _apply_functions(rule: FieldRule, found: list[Any]) -> Any:
    values = found[0] if len(found) == 1 and isinstance(found[0], list) else found
    if not values:
        return ABSENT
    for function in rule.functions:
        if function.takes_all:
            applied = function.apply([each for each in values if each is not None] or _reject_null())
            values = applied if function.makes_several else [applied]
        elif function.makes_several or function.filters:
            values = [part for each in values for part in ([None] if each is None else _applied(function, each))]
            require_few_values(values)
        else:
            values = [_applied(function, each) for each in values]
        if not values or any(each is ABSENT for each in values):
            return ABSENT
    if len(values) > 1:
        raise UnreadableValue(f"is one of {len(values)} found: choose with first, lowest, join or a narrower path")
    return values[0]


def _applied(function: Function, value: Any) -> Any:
    require_time()
    return None if value is None else function.apply(value)


def _reject_null() -> list[Any]:
    raise UnreadableValue("is null")


def _first_found(source: FirstOf, place: Any) -> list[Any]:
    """The values at the first path with a value that is neither null nor empty text; else the null and empty values."""
    if len(source.paths) == 1:
        return source.paths[0].find(place)
    empty: list[Any] = []
    for path in source.paths:
        found = path.find(place)
        if any(each is not None and each != "" for each in found):
            return found
        empty = empty or found
    return empty


def _all_found(source: AllOf, scope: Scope) -> list[Any]:
    parts = [path.find(scope.item) for path in source.paths]
    if len(parts) > 1 and any(parts) and not all(parts):
        raise UnreadableValue("lacks a part: not each path has one")
    if any(parts):
        parts += [path.find(scope.item) for path in source.optional]
    return [each for part in parts for each in part]


def encodable(value: Any) -> Any:
    """The value in the form that the JSON encoder takes. Raises UnreadableValue for a value that no field can have."""
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT:
        return value
    if isinstance(value, tuple):
        require_few_values(value)
        return [encodable(each) for each in value]
    if isinstance(value, Decimal) and is_plain(value):
        return msgspec.Raw(f"{value:f}".encode())
    if isinstance(value, str):
        raise UnreadableValue(f"has more than {_LONGEST_TEXT} characters")
    if value is None or value is ABSENT or isinstance(value, int):
        return value
    raise UnreadableValue(
        f"is {kind_of(value)}" if not isinstance(value, Decimal) else "is a number outside of all bounds"
    )


def require_few_values(values: Sequence[Any], most: int = MOST_VALUES) -> None:
    """Raises UnreadableValue if there are more than `most` values."""
    if len(values) > most:
        raise UnreadableValue(f"is a list of more than {most}")
