"""Finds the fields, types, values and bounds that a message's old JSON Schema accepts and the new one rejects."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_EXACT = ("pattern", "format", "const", "multipleOf", "uniqueItems")


def narrowings(old: Schema, new: Schema) -> list[str]:
    """A line for each value that `old` accepts and `new` may reject. Empty: every valid message stays valid."""
    return list(dict.fromkeys(_Comparison(old, new).compare_parts(old, new, "message")))


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new

    def compare_parts(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        """Each alternative of the old part must fit in one of the new part."""
        choices = [*alternatives(new, self._new)]
        for before in alternatives(old, self._old):
            found = [[*self._compare_alternatives(before, each, path)] for each in choices]
            if all(found):
                yield from min(found, key=len)

    def _compare_alternatives(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        if lost := _types(old) - _types(new):
            yield f"{path}: {', '.join(sorted(lost))} is no longer accepted"
            return
        yield from _narrower_values(old, new, path)
        yield from self._compare_fields(old, new, path)
        if "items" in new:
            yield from self.compare_parts(old.get("items", {}), new["items"], f"{path}[]")

    def _compare_fields(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        if more := set(new.get("required", ())) - set(old.get("required", ())):
            yield f"{path}: {', '.join(sorted(more))} is now required"
        known, given = new.get("properties", {}), old.get("properties", {})
        for name, part in given.items():
            if name in known:
                yield from self.compare_parts(part, known[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}: the field is gone"
        if new.get("additionalProperties", True) is False and old.get("additionalProperties", True) is not False:
            yield f"{path}: other fields are no longer accepted"


def _narrower_values(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for name in _UPPER:
        if name in new and (name not in old or new[name] < old[name]):
            yield f"{path}: {name} is now {new[name]}, and was {old.get(name, 'none')}"
    for name in _LOWER:
        if name in new and (name not in old or new[name] > old[name]):
            yield f"{path}: {name} is now {new[name]}, and was {old.get(name, 'none')}"
    for name in _EXACT:
        if name in new and new[name] != old.get(name):
            yield f"{path}: {name} is now {new[name]}, and was {old.get(name, 'none')}"
    if "enum" in new and (lost := set(old.get("enum", ("anything",))) - set(new["enum"])):
        yield f"{path}: {', '.join(sorted(map(str, lost)))} is no longer accepted"


def alternatives(part: Schema, document: Schema) -> Iterator[Schema]:
    """The part without references and `anyOf`: one schema for each alternative."""
    if "$ref" in part:
        reference: str = part["$ref"]
        part = document["$defs"][reference.rpartition("/")[2]] | {key: part[key] for key in part.keys() - {"$ref"}}
    choices = part.get("anyOf")
    if choices is None:
        yield part
        return
    common = {key: value for key, value in part.items() if key != "anyOf"}
    for choice in choices:
        for each in alternatives(choice, document):
            yield common | each


def _types(part: Schema) -> set[str]:
    """The types that the part accepts, whole numbers among the numbers."""
    given = part.get("type", ["null", "boolean", "number", "string", "array", "object"])
    found = {given} if isinstance(given, str) else set(given)
    return found | {"integer"} if "number" in found else found
