"""The recommendation schema: a casino's own field names and types for a recommendation."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from .errors import InvalidConfiguration
from .recommendation import Recommendation, RecommendedEvent

TYPES = ("int", "float", "string", "uuid", "list")
MAX_FIELDS = 50
MAX_NAME = 100

Conversion = Callable[[Any], Any]

_INTEGER: dict[str, Conversion] = {"int": int, "float": float, "string": str}
_AMOUNT: dict[str, Conversion] = {"float": float, "string": str}
_INSTANT: dict[str, Conversion] = {
    "float": lambda instant: instant.timestamp(),
    "int": lambda instant: int(instant.timestamp()),
    "string": lambda instant: instant.isoformat(),
}
_UUID: dict[str, Conversion] = {"uuid": str, "string": str}
_TEXT: dict[str, Conversion] = {"string": str}
_LIST: dict[str, Conversion] = {"list": lambda events: [_event_as_json(event) for event in events]}

# What a schema may name as source_field, and how each is given the types that it can be given; nothing is invented.
SOURCES: dict[str, dict[str, Conversion]] = {
    "user_id": _INTEGER,
    "stake": _AMOUNT,
    "timestamp": _INSTANT,
    "recommended_events": _LIST,
    "recommendation_id": _UUID,
    "recommender": _TEXT,
}
ALIASES = {"id": "user_id"}

# What an answer says of an event: existing clients rely on exactly these.
EVENT_FIELDS = ("country", "league", "home_team", "away_team", "sport", "odd")
_event_values = attrgetter(*EVENT_FIELDS)


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One field of a casino's answer. A time is Unix seconds as `float`, whole ones as `int`, ISO 8601 as `string`."""

    name: str
    type: str
    source_field: str

    def value_in(self, recommendation: Recommendation) -> Any:
        source = ALIASES.get(self.source_field, self.source_field)
        return SOURCES[source][self.type](getattr(recommendation, source))


def parse_schema(schema: object) -> tuple[FieldMapping, ...]:
    """Read a schema as a casino posts it: an object of name -> type, or name -> {type, source_field}.

    Raises InvalidConfiguration for whatever could not be answered later on, with the names that exist.
    """
    if not isinstance(schema, dict):
        raise InvalidConfiguration("recommendation_schema must be an object that maps field names to types")
    if len(schema) > MAX_FIELDS:
        raise InvalidConfiguration(f"recommendation_schema may have at most {MAX_FIELDS} fields, not {len(schema)}")
    return tuple(_parse_field(name, definition) for name, definition in schema.items())


def schema_as_json(fields: tuple[FieldMapping, ...]) -> dict[str, dict[str, str]]:
    """The schema written out in full, as it is kept in the catalogue."""
    return {field.name: {"type": field.type, "source_field": field.source_field} for field in fields}


def apply_schema(fields: tuple[FieldMapping, ...], recommendation: Recommendation) -> dict[str, Any]:
    """The recommendation as exactly the casino's fields, each of its declared type, ready for JSON."""
    return {field.name: field.value_in(recommendation) for field in fields}


def _event_as_json(event: RecommendedEvent) -> dict[str, Any]:
    return dict(zip(EVENT_FIELDS, _event_values(event), strict=True))


def _parse_field(name: str, definition: object) -> FieldMapping:
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidConfiguration(f"A field's name must be printable and have 1 to {MAX_NAME} characters: {name!r}")
    if isinstance(definition, str):
        definition = {"type": definition, "source_field": name}
    if not isinstance(definition, dict) or set(definition) != {"type", "source_field"}:
        raise InvalidConfiguration(
            f"The field {name} must be a type, or an object with the keys type and source_field and no others"
        )
    return _checked(FieldMapping(name, definition["type"], definition["source_field"]))


def _checked(field: FieldMapping) -> FieldMapping:
    if field.type not in TYPES:
        raise InvalidConfiguration(
            f"The field {field.name} has the unknown type {field.type!r}. Types are: {', '.join(TYPES)}"
        )
    if field.source_field not in (*SOURCES, *ALIASES):
        raise InvalidConfiguration(
            f"The field {field.name} has the unknown source_field {field.source_field!r}. "
            f"Source fields are: {', '.join([*SOURCES, *ALIASES])}"
        )
    possible = SOURCES[ALIASES.get(field.source_field, field.source_field)]
    if field.type not in possible:
        raise InvalidConfiguration(
            f"The field {field.name} can't be given the type {field.type}: "
            f"{field.source_field} can be {' or '.join(possible)}"
        )
    return field
