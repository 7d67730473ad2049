"""Reads documents: JSON, XML and CSV, as the objects and lists of JSON.

Hostile documents raise an error: entities, excessive depth and repeated names are not allowed. Callers bound the size.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from io import StringIO
from typing import Any, NoReturn, TextIO
from xml.parsers.expat import ExpatError

import xmltodict

from .errors import UnreadableDocument
from .format import Mapping, Source
from .numbered_rows import InvalidCsv, numbered_rows
from .values import AMBIGUOUS, kind_of

MAX_DEPTH = 64
MAX_ITEMS = 1_000  # per document: one transaction stores them


def read_document(source: Source, raw: bytes) -> Any:
    """The document's value. Raises UnreadableDocument."""
    try:
        if source.kind == "json":
            return read_json(raw)
        return _read_xml(raw, source.lists) if source.kind == "xml" else _read_csv(raw, source)
    except UnreadableDocument:
        raise
    except (ValueError, RecursionError, ExpatError, InvalidCsv) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UnreadableDocument("malformed", f"the document is no valid {source.kind.upper()}: {reason}") from error


def items_of(mapping: Mapping, document: Any) -> list[Any]:
    """The items of a document, each of which becomes a message. Raises UnreadableDocument."""
    items = find_items(mapping, document)
    if len(items) > MAX_ITEMS:
        text = f"the document has {len(items)} items: send at most {MAX_ITEMS} in one"
        raise UnreadableDocument("too_large", text)
    return items


def find_items(mapping: Mapping, document: Any) -> list[Any]:
    """The items of a document, without a limit. Raises UnreadableDocument."""
    if any(path.find(document) for path in mapping.ignore):
        return []
    if not mapping.each:
        return document if mapping.source.kind == "csv" else [document]
    for path in mapping.each:
        if found := [each for each in path.find(document) if each is not None]:
            return [item for value in found for item in (value if isinstance(value, list) else [value])]
    paths = " or ".join(path.text for path in mapping.each)
    raise UnreadableDocument("unmapped", f"the document has no item at the paths of each: {paths}")


def read_json(raw: bytes) -> Any:
    """The value, with exact decimals. Raises ValueError and RecursionError."""
    return json.loads(
        raw.decode("utf-8-sig"), parse_float=_decimal, parse_constant=_reject_number, object_pairs_hook=_object
    )


def _decimal(text: str) -> Decimal:
    return Decimal(text)


def _reject_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: dict[str, Any] = {}
        for name, value in pairs:
            found[name] = AMBIGUOUS if name in seen and seen[name] != value else value
            seen[name] = found[name]
    return found


def _read_xml(raw: bytes, lists: tuple[str, ...]) -> Any:
    """The document as an object. Attributes and inner elements become fields alike; an element's text beside them is
    `text`. Empty elements are left out: they must not count as null, which removes a limit."""

    def bounded(path: list[Any], name: str, value: Any) -> tuple[str, Any] | None:
        if len(path) > MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH} elements")
        return None if value is None else (name, value)

    return xmltodict.parse(raw, attr_prefix="", cdata_key="text", force_list=lists or None, postprocessor=bounded)


def _read_csv(raw: bytes, source: Source) -> list[Any]:
    text = StringIO(raw.decode(encoding_of(source, raw)), newline="")
    return [item for _, item in read_rows(text, source)]


def row_lines(source: Source, raw: bytes) -> list[int]:
    """The first lines of the items of CSV, up to the first unreadable one."""
    lines: list[int] = []
    with suppress(ValueError, InvalidCsv):
        text = StringIO(raw.decode(encoding_of(source, raw)), newline="")
        lines.extend(line for line, _ in read_rows(text, source))
    return lines


def encoding_of(source: Source, beginning: bytes) -> str:
    """The encoding of CSV that begins with these bytes. A byte order mark of UTF-8 overrides the mapping."""
    return "utf-8-sig" if source.encoding == "utf-8" or beginning.startswith(BOM_UTF8) else source.encoding


def read_rows(
    text: TextIO, source: Source, tell_columns: Callable[[list[str]], object] = len
) -> Iterator[tuple[int, Any]]:
    """The items of CSV, with their first lines; `tell_columns` gets the names in the first row. A row is an object with
    these names, without its empty cells. A row with more cells than names is a list, of which no message is made.
    Raises InvalidCsv, and UnicodeDecodeError."""
    rows = numbered_rows(text, source.delimiter)
    _, head = next(rows, (1, []))
    names = [name.strip() for name in head]
    tell_columns(names)
    yield from ((line, cells if any(cells[len(names) :]) else _row(names, cells)) for line, cells in rows)


def _row(names: list[str], cells: list[str]) -> dict[str, Any]:
    return _object([(name, cell) for name, cell in zip(names, cells, strict=False) if name and cell.strip()])


def require_object(item: Any) -> dict[str, Any]:
    """The item. Raises UnreadableDocument if it is no object."""
    if not isinstance(item, dict):
        raise UnreadableDocument("unmapped", f"an item of the document is {kind_of(item)}, not an object")
    return item
