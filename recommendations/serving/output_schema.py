"""The recommendation schema: a casino's own field names and types for a recommendation."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from unicodedata import normalize

from recommendations.errors import IdNotOfType, InvalidConfiguration
from recommendations.validation.normal_form import LONGEST
from recommendations.validation.own_ids import OwnId
from tenants.numbers import parse_decimal, parse_whole_number

from .recommendation import Recommendation

TYPES = ("int", "float", "string", "uuid", "list")
MAX_FIELDS = 50  # of a recommendation, and of an event in it
MAX_NAME = 100
MAX_BYTES_OF_NAMES = 4_000  # together

Conversion = Callable[[Any], Any]
Conversions = dict[str, dict[str, Conversion]]


def _as_number(kind: type[int | float], own: OwnId) -> int | float:
    """The id as a number. Digits beyond 2^62 are stored as text, but are numbers here."""
    number = own if isinstance(own, int) else parse_whole_number(own, 1)
    if number is None:
        raise IdNotOfType(f"The id {own} is no {kind.__name__}: map it to string in the recommendation_schema")
    return kind(number)


def _as_uuid(own: OwnId) -> str:
    text = str(own)
    if not _UUID_TEXT.fullmatch(text):
        raise IdNotOfType(f"The id {text} is no uuid: map it to string in the recommendation_schema")
    return text


def _as_line(line: str) -> float | None:
    """The line as a number; null for other lines, such as a player's name, and without a line."""
    number = parse_decimal(line)
    return None if number is None else float(number)


def _convert_optional(convert: Conversion, value: Any) -> Any:
    return None if value is None else convert(value)


_UUID_TEXT = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INTEGER: dict[str, Conversion] = {"int": int, "float": float, "string": str}
_OWN_ID: dict[str, Conversion] = {
    "int": partial(_as_number, int),
    "float": partial(_as_number, float),
    "string": str,
    "uuid": _as_uuid,
}
_NUMBER: dict[str, Conversion] = {"float": float, "string": str}
_AMOUNT: dict[str, Conversion] = {"float": float, "string": lambda amount: f"{amount:f}"}
_INSTANT: dict[str, Conversion] = {
    "float": lambda instant: instant.timestamp(),
    "int": lambda instant: int(instant.timestamp()),
    "string": lambda instant: instant.isoformat(),
}
_PRICED_AT: dict[str, Conversion] = {name: partial(_convert_optional, convert) for name, convert in _INSTANT.items()}
_UUID: dict[str, Conversion] = {"uuid": str, "string": str}
_TEXT: dict[str, Conversion] = {"string": str}
_TEXTS: dict[str, Conversion] = {"list": list, "string": "; ".join}

# source_field -> type -> conversion.
EVENTS = "recommended_events"
SOURCES: Conversions = {
    "user_id": _OWN_ID,
    "stake": _AMOUNT,
    "timestamp": _INSTANT,
    EVENTS: {"list": list},
    "recommendation_id": _UUID,
    "recommender": _TEXT,
    "fallback_step": _INTEGER,
    "model_version": _TEXT,
    "reasons": _TEXTS,
    "refusal": _TEXT,
    "confidence": _NUMBER,
    "count": _INTEGER,
    "total_odds": _AMOUNT,
    "potential_return": _AMOUNT,
    "currency": _TEXT,
    "expires_at": _INSTANT,
    "experiment": _TEXT,
    "variant": _TEXT,
}
ALIASES = {"id": "user_id"}
_USER_SOURCES = frozenset(
    {"user_id", "stake", "currency", "potential_return", "confidence", "refusal", "experiment", "variant"}
)

# The same for each event in the list of events.
EVENT_SOURCES: Conversions = {
    "country": _TEXT,
    "league": _TEXT,
    "home_team": _TEXT,
    "away_team": _TEXT,
    "name": _TEXT,
    "participants": _TEXTS,
    "sport": _TEXT,
    "odd": _NUMBER,
    "event_id": _OWN_ID,
    "begin_timestamp": _INSTANT,
    "status": _TEXT,
    "reasons": _TEXTS,
    "market": _TEXT,
    "line": {"string": str, "float": _as_line},
    "outcome": _TEXT,
    "priced_at": _PRICED_AT,
    "producer": _TEXT,
}
EVENT_ALIASES = {"id": "event_id"}
_ATTRIBUTES = {"user_id": "own_id", "event_id": "own_id"}  # attributes whose names differ from the source


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One field of a casino's response, or of an event in it. A time is Unix seconds as `float` or `int`, ISO 8601 as
    `string`. `fields`: of each event, for a list of events."""

    name: str
    type: str
    source_field: str
    fields: tuple["FieldMapping", ...] = ()


CONTRACT_FIELDS = (
    *(FieldMapping(name, "string", name) for name in ("country", "league", "home_team", "away_team", "sport")),
    FieldMapping("odd", "float", "odd"),
)
# The fields of an event that was chosen by its markets, in a list without own fields: enough to place the bet.
MARKET_FIELDS = (
    *CONTRACT_FIELDS,
    *(FieldMapping(name, "string", name) for name in ("event_id", "market", "line", "outcome")),
)
# The schema of a casino without its own. Ids are strings, since any id can be one.
DEFAULT_SCHEMA = (
    FieldMapping("user_id", "string", "user_id"),
    FieldMapping("stake", "float", "stake"),
    FieldMapping("timestamp", "string", "timestamp"),
    FieldMapping(EVENTS, "list", EVENTS, MARKET_FIELDS),
)


def parse_schema(schema: object) -> tuple[FieldMapping, ...]:
    """Parse a casino's posted schema: an object of name -> type, or name -> {type, source_field}. The list of events
    may also have `fields`, a schema of each event.

    Names are stored in normal form, NFC. Raises InvalidConfiguration for an unknown source or type, with the known
    ones, for two names with the same normal form, and for a schema that is too large.
    """
    fields = _parse("recommendation_schema", in_normal_form(schema), SOURCES, ALIASES)
    _check_size(fields)
    return fields


def in_normal_form(schema: object) -> object:
    """The schema with its names in NFC. Raises InvalidConfiguration if two names become equal."""
    if not isinstance(schema, dict):
        return schema
    named: dict[str, Any] = {}
    for given, definition in schema.items():
        name = normalize("NFC", given) if len(given) <= LONGEST else given  # rejected later as too long
        if name in named:
            raise InvalidConfiguration(f"Two fields have the name {name}, in two forms of Unicode: rename one")
        has_fields = isinstance(definition, dict) and "fields" in definition
        named[name] = {**definition, "fields": in_normal_form(definition["fields"])} if has_fields else definition
    return named


def _check_size(fields: tuple[FieldMapping, ...]) -> None:
    lists = [field.name for field in fields if field.source_field == EVENTS]
    if len(lists) > 1:
        raise InvalidConfiguration(f"recommendation_schema may have one list of {EVENTS}, not {', '.join(lists)}")
    names = [name for field in fields for name in (field.name, *(each.name for each in field.fields))]
    size = sum(len(name.encode()) for name in names)
    if size > MAX_BYTES_OF_NAMES:
        raise InvalidConfiguration(
            f"recommendation_schema has names of {size} bytes together; use at most {MAX_BYTES_OF_NAMES}"
        )


def load_schema(stored: dict[str, Any]) -> tuple[FieldMapping, ...]:
    """The schema stored in the catalogue, which was validated when posted. A schema of an earlier release may be larger
    than `parse_schema` allows, and is still served."""
    return _parse("recommendation_schema", stored, SOURCES, ALIASES)


def needs_reasons(fields: tuple[FieldMapping, ...]) -> bool:
    """Whether a field, or a field of the events, contains reasons."""
    return any(field.source_field == "reasons" or needs_reasons(field.fields) for field in fields)


def _parse(what: str, schema: object, sources: Conversions, aliases: dict[str, str]) -> tuple[FieldMapping, ...]:
    if not isinstance(schema, dict):
        raise InvalidConfiguration(f"{what} must be an object that maps field names to types")
    if len(schema) > MAX_FIELDS:
        raise InvalidConfiguration(f"{what} may have at most {MAX_FIELDS} fields, not {len(schema)}")
    return tuple(_parse_field(name, definition, sources, aliases) for name, definition in schema.items())


def schema_as_json(fields: tuple[FieldMapping, ...]) -> dict[str, dict[str, Any]]:
    """The full schema in the form of the catalogue."""
    return {field.name: _as_json(field) for field in fields}


def _as_json(field: FieldMapping) -> dict[str, Any]:
    written: dict[str, Any] = {"type": field.type, "source_field": field.source_field}
    return written | {"fields": schema_as_json(field.fields)} if field.fields else written


def without_user(fields: tuple[FieldMapping, ...]) -> tuple[FieldMapping, ...]:
    """The fields for a recommendation without a user."""
    return tuple(field for field in fields if ALIASES.get(field.source_field, field.source_field) not in _USER_SOURCES)


def apply_schema(fields: tuple[FieldMapping, ...], recommendation: Recommendation) -> dict[str, Any]:
    """The recommendation with exactly the casino's fields, each of its declared type, ready for JSON. Raises
    IdNotOfType if an id of the casino does not have the declared type."""
    values = {}
    for field in fields:
        source = ALIASES.get(field.source_field, field.source_field)
        value = SOURCES[source][field.type](getattr(recommendation, _ATTRIBUTES.get(source, source)))
        if source == EVENTS:
            # events without own fields have those of the contract, and their outcome if they have one
            own = _readers(field.fields) if field.fields else _CONTRACT
            with_market = own if field.fields else _WITH_MARKET
            value = [
                {name: convert(getattr(each, attribute)) for name, attribute, convert in readers}
                for each in value
                for readers in (with_market if each.market else own,)
            ]
        values[field.name] = value
    return values


def _readers(fields: tuple[FieldMapping, ...]) -> list[tuple[str, str, Conversion]]:
    """The name, the event's attribute and the conversion of each field."""
    named = [(each, EVENT_ALIASES.get(each.source_field, each.source_field)) for each in fields]
    return [(each.name, _ATTRIBUTES.get(name, name), EVENT_SOURCES[name][each.type]) for each, name in named]


_CONTRACT, _WITH_MARKET = _readers(CONTRACT_FIELDS), _readers(MARKET_FIELDS)


def _parse_field(name: str, definition: object, sources: Conversions, aliases: dict[str, str]) -> FieldMapping:
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidConfiguration(f"A field's name must be printable and have 1 to {MAX_NAME} characters: {name!r}")
    if isinstance(definition, str):
        definition = {"type": definition, "source_field": name}
    if not isinstance(definition, dict) or set(definition) - {"fields"} != {"type", "source_field"}:
        raise InvalidConfiguration(
            f"The field {name} must be a type, or an object with the keys type and source_field and no others"
        )
    field = _checked(FieldMapping(name, definition["type"], definition["source_field"]), sources, aliases)
    return field if "fields" not in definition else _with_fields(field, definition["fields"])


def _with_fields(field: FieldMapping, schema: object) -> FieldMapping:
    if field.source_field != EVENTS:
        raise InvalidConfiguration(f"The field {field.name} can't have fields: only {EVENTS} has")
    fields = _parse(f"The fields of {field.name}", schema, EVENT_SOURCES, EVENT_ALIASES)
    if not fields:
        raise InvalidConfiguration(f"The fields of {field.name} must name at least one")
    return replace(field, fields=fields)


def _checked(field: FieldMapping, sources: Conversions, aliases: dict[str, str]) -> FieldMapping:
    if field.type not in TYPES:
        raise InvalidConfiguration(
            f"The field {field.name} has the unknown type {field.type!r}. Types are: {', '.join(TYPES)}"
        )
    if field.source_field not in (*sources, *aliases):
        raise InvalidConfiguration(
            f"The field {field.name} has the unknown source_field {field.source_field!r}. "
            f"Source fields are: {', '.join([*sources, *aliases])}"
        )
    possible = sources[aliases.get(field.source_field, field.source_field)]
    if field.type not in possible:
        raise InvalidConfiguration(
            f"The field {field.name} can't be given the type {field.type}: "
            f"{field.source_field} can be {' or '.join(possible)}"
        )
    return field
