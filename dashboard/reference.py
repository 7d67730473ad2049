"""What a configuration may say, for the person who writes one: read from the code that checks it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from recommendations.serving.options import DEFAULTS, all_options_as_json, options_schema
from recommendations.serving.output_schema import EVENT_SOURCES, SOURCES, Conversions


@dataclass(frozen=True, slots=True)
class Source:
    """A source field, and the types that it can be given."""

    name: str
    types: str


@dataclass(frozen=True, slots=True)
class Option:
    name: str
    description: str
    default: Any


@cache
def source_reference() -> tuple[tuple[str, tuple[Source, ...]], ...]:
    """Of the recommendation, and of each event in it."""
    return ("Of the recommendation", _sources(SOURCES)), ("Of each event, in “fields”", _sources(EVENT_SOURCES))


@cache
def option_reference() -> tuple[Option, ...]:
    properties, defaults = options_schema()["$defs"]["Options"]["properties"], all_options_as_json(DEFAULTS)
    return tuple(Option(name, _described(each), _short(defaults[name])) for name, each in properties.items())


def _sources(conversions: Conversions) -> tuple[Source, ...]:
    return tuple(Source(name, ", ".join(types)) for name, types in conversions.items())


def _described(schema: dict[str, Any]) -> str:
    return str(schema.get("description", ""))


def _short(default: Any) -> str:
    if isinstance(default, dict):
        return "{}"
    return "[" + ", ".join(default) + "]" if isinstance(default, list) else str(default)
