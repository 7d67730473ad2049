"""Exports the formats of messages as JSON Schema."""

from typing import Any

import msgspec

from .field_texts import FIELD_TEXTS
from .formats import EventMessage, UserMessage
from .partial_formats import PARTIAL_EVENTS, PARTIAL_USERS, PartialFormat

_FLOAT = {"type": "number"}
_PARTIAL: dict[type[msgspec.Struct], PartialFormat] = {UserMessage: PARTIAL_USERS, EventMessage: PARTIAL_EVENTS}


def schema(message: type[msgspec.Struct]) -> dict[str, Any]:
    """JSON Schema (2020-12) of a message."""
    described = _described(msgspec.json.schema(message))
    if (partial := _PARTIAL.get(message)) is not None:
        definition = described["$defs"][message.__name__]
        del definition["required"]
        definition["anyOf"] = [{"required": list(fields)} for fields in partial.named_by]
        _allow_empty(definition["properties"], partial)
    for name in sorted(described["$defs"], key=message.__name__.__eq__):  # the message after its parts
        _explain(described["$defs"], name)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}


def _explain(definitions: dict[str, Any], name: str) -> None:
    """Add the meaning and an example of each field, and an example of the message; the formats lack these."""
    definition, texts = definitions[name], FIELD_TEXTS[name]
    definition["description"] = " ".join(definition["description"].split())
    for field, part in definition["properties"].items():
        if not _is_described(part):
            part["description"] = texts[field].text
        items = part.get("items", {}).get("$ref", "").rpartition("/")[2]
        if items and "examples" not in definitions[items]:
            _explain(definitions, items)
        part["examples"] = [definitions[items]["examples"] if items else texts[field].example]
    definition["examples"] = [{field: part["examples"][0] for field, part in definition["properties"].items()}]


def _is_described(part: dict[str, Any]) -> bool:
    return "description" in part or any(_is_described(each) for each in part.get("anyOf", ()))


def _allow_empty(properties: dict[str, Any], partial: PartialFormat) -> None:
    """Describe the fields that may be null or empty text."""
    for name in partial.blanks:
        properties[name].pop("minLength", None)
    for name in partial.nulls:
        if {"type": "null"} not in properties[name].get("anyOf", ()):
            properties[name] = {"anyOf": [properties[name], {"type": "null"}]}


def _described(part: Any) -> Any:
    """Describe an amount as a number or as text of one (null if it has a title), and an id as a whole number, such as
    31.0, or as text."""
    if isinstance(part, list):
        return [_described(each) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("format") == "odd":
        odd = {"description": part["description"], "anyOf": [{"type": "number"}, {"type": "string"}]}
        return {"title": part["title"], "anyOf": [odd, {"type": "null"}]}
    if part.get("format") == "own-id":
        return {"description": part["description"], "anyOf": [each for each in part["anyOf"] if each != _FLOAT]}
    if part.get("format") == "decimal":
        bounds = {name: part[name] for name in ("minimum", "exclusiveMinimum", "maximum") if name in part}
        accepted = [{"type": "number", **bounds}, {"type": "string", "format": "decimal"}]
        amount = {"description": part["description"], "anyOf": accepted}
        return {"title": part["title"], "anyOf": [amount, {"type": "null"}]} if "title" in part else amount
    return {name: _described(value) for name, value in part.items()}
