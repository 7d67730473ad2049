"""Rejects a recommendation schema that declares a type which the casino's stored ids don't have."""

from collections.abc import Iterable

from recommendations.errors import InvalidConfiguration
from recommendations.text_ids import Kind
from tenants.models import Casino
from tenants.models.casino import READY_STATES
from tenants.numbers import counted
from tenants.routing.connections import query
from tenants.routing.context import use_casino

from .output_schema import FieldMapping

_ID_SOURCES = {"id", "user_id", "event_id"}
# A casino whose ids are all numbers has no texts to count.
_NO_NUMBERS = "SELECT count(*), min(text) FROM text_ids JOIN {table} USING (id) WHERE kind = '{table}'"
_NO_UUIDS = """
SELECT count(*), min(coalesce(text, {table}.id::text)) FROM {table} LEFT JOIN text_ids ON text_ids.id = {table}.id
WHERE text IS NULL OR text !~* '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'
"""
_OTHERS = {"int": _NO_NUMBERS, "float": _NO_NUMBERS, "uuid": _NO_UUIDS}


def check_id_types(casino: Casino, fields: Iterable[FieldMapping]) -> None:
    """Raises InvalidConfiguration. A casino whose database can't be used yet has no ids."""
    if casino.state in READY_STATES:
        with use_casino(casino.current):
            _check(Kind.USERS, fields)


def _check(kind: Kind, fields: Iterable[FieldMapping]) -> None:
    for field in fields:
        _check(Kind.EVENTS, field.fields)
        if field.source_field in _ID_SOURCES and field.type in _OTHERS:
            [(count, example)] = query(_OTHERS[field.type].format(table=kind.value))
            if count:
                have = "has an id that is" if count == 1 else "have ids that are"
                raise InvalidConfiguration(
                    f"The field {field.name} can't be given the type {field.type}: "
                    f"{counted(count, kind.value.removesuffix('s'))} {have} no {field.type}, such as {example}. "
                    "Map it to string"
                )
