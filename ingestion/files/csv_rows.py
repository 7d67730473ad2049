"""Reads a CSV file: each row is a message, whose fields are the columns.

Inner fields have dotted names: `recommended_events.0.odd`. An empty cell means that the field is missing.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import IO, Any

import msgspec
from msgspec import inspect

from ingestion.errors import UnreadableFile
from ingestion.mappings.numbered_rows import InvalidCsv, numbered_rows
from ingestion.mappings.parse_fields import LIST_FIELDS
from ingestion.uploads.store import UploadedMessage

from .left_out_columns import LeftOutColumns

_NULL = "null"
_SHOWN = 60  # characters of the first line in messages
_BOOLEANS = {"true": b"true", "1": b"true", "false": b"false", "0": b"false"}
_WHOLE_NUMBER = re.compile(r"-?[1-9][0-9]*|0", re.ASCII)
_DECODE_ANY = msgspec.json.Decoder(msgspec.Raw).decode
_CONTAINERS = (inspect.ListType, inspect.DictType, inspect.StructType)


def read_csv(
    source: IO[bytes], message: type[msgspec.Struct], delimiter: str, left_out: LeftOutColumns
) -> Iterator[UploadedMessage]:
    """The messages, numbered by their first lines. `left_out` gets the columns that are no field. Raises
    UnreadableFile."""
    # invalid UTF-8 becomes lone surrogates: the decoder then rejects the message and names the field
    text = TextIOWrapper(source, "utf-8-sig", "surrogateescape", newline="")
    rows = numbered_rows(text, delimiter)
    try:
        _, columns = next(rows, (1, []))
        cells = _Cells(columns, message)
        cells.note_left_out(left_out)
        yield from (cells.message(line, row) for line, row in rows)
    except InvalidCsv as error:
        raise UnreadableFile(f"the file is no CSV: {error}") from error
    finally:
        text.detach()


class _Cells:
    """Converts rows with these columns to messages."""

    def __init__(self, columns: Sequence[str], message: type[msgspec.Struct]) -> None:
        self._paths = [tuple(map(_field_name, name.split("."))) for name in columns]
        struct: Any = inspect.type_info(message)
        kinds = {field.encode_name: _kinds(field.type) for field in struct.fields}
        known = [path for path in self._paths if path[0] in kinds]
        if not known:
            raise UnreadableFile(_unknown_columns_problem(columns, kinds))
        if len(set(known)) < len(known):
            raise UnreadableFile("the first line names a column twice: rename or delete one")
        self._kinds = kinds
        self._columns = len(columns)
        self._names = columns

    def note_left_out(self, left_out: LeftOutColumns) -> None:
        """Note the columns that are no field, and the fields without a column."""
        fields: set[tuple[str, ...]] = {(name,) for name in self._kinds}
        for path in self._paths:
            lists = [name for name in path[:-1] if name in LIST_FIELDS]
            if lists:
                inner = msgspec.structs.fields(LIST_FIELDS[lists[-1]])
                fields |= {(*path[:-1], each.encode_name) for each in inner}
        given = zip(self._names, self._paths, strict=True)
        unknown = [name for name, path in given if path not in fields]
        left_out.note(unknown, sorted(".".join(path) for path in fields.difference(self._paths)))

    def message(self, line: int, row: Sequence[str]) -> UploadedMessage:
        if len(row) != self._columns:
            return UploadedMessage(line, b"", problem=f"the row has {len(row)} cells, the first line {self._columns}")
        fields: dict[str, Any] = {}
        for path, cell in zip(self._paths, row, strict=True):
            if cell and path[0] in self._kinds:
                _set(fields, path, _value(cell, self._kinds[path[0]] if len(path) == 1 else ()))
        return UploadedMessage(line, msgspec.json.encode(_lists(fields)))


def _field_name(column: str) -> str:
    """The field's name: `Birth Year` is birth_year. Without this, an unread column `Status` would make excluded users
    active."""
    return column.strip().lower().replace(" ", "_")


def _unknown_columns_problem(columns: Sequence[str], known: Iterable[str]) -> str:
    named = ", ".join(columns)
    return (
        f"the first line has no field of the message, but {named[:_SHOWN]!r}: read other columns with --mapping, or "
        f"set another --delimiter. The fields are {', '.join(known)}"
    )


def _kinds(field: inspect.Type) -> tuple[type[inspect.Type], ...]:
    if isinstance(field, inspect.Metadata):
        return _kinds(field.type)
    if isinstance(field, inspect.UnionType):
        return tuple(kind for each in field.types for kind in _kinds(each))
    return (type(field),)


def _value(cell: str, kinds: tuple[type[inspect.Type], ...]) -> msgspec.Raw:
    """The cell as JSON of the field's type; as text if it fits none, so that the decoder reports it."""
    if cell == _NULL and (inspect.NoneType in kinds or inspect.RawType in kinds):
        return msgspec.Raw(b"null")
    if inspect.IntType in kinds and inspect.StrType not in kinds and _WHOLE_NUMBER.fullmatch(cell):
        return msgspec.Raw(cell.encode())
    if inspect.BoolType in kinds and cell.lower() in _BOOLEANS:
        return msgspec.Raw(_BOOLEANS[cell.lower()])
    if any(kind in kinds for kind in _CONTAINERS):
        with suppress(msgspec.DecodeError, UnicodeError):
            return _DECODE_ANY(cell)
    return msgspec.Raw(json.dumps(cell).encode())  # json.dumps escapes lone surrogates


def _set(fields: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for name in path[:-1]:
        inner = fields.setdefault(name, {})
        if not isinstance(inner, dict):
            return  # the column without a dot has the complete field
        fields = inner
    fields[path[-1]] = value


def _lists(value: Any) -> Any:
    """The value, with each object whose names are all numbers as a list."""
    if not isinstance(value, dict):
        return value
    if value and all(name.isascii() and name.isdecimal() for name in value):
        return [_lists(value[name]) for name in sorted(value, key=int)]
    return {name: _lists(inner) for name, inner in value.items()}
