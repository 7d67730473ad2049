"""Reads a file of a feed's documents by a mapping."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from itertools import count
from pathlib import Path
from typing import IO, Any

import msgspec

from ingestion.errors import UnreadableFile
from ingestion.mappings.apply import DocumentMapper
from ingestion.mappings.columns import names_read
from ingestion.mappings.documents import encoding_of, find_items, read_document, read_rows
from ingestion.mappings.errors import InvalidMapping, NoSuchMapping, UnreadableDocument
from ingestion.mappings.format import Mapping
from ingestion.mappings.numbered_rows import InvalidCsv
from ingestion.mappings.options import ChosenMapping, choose_mapping
from ingestion.mappings.parse import parse_mapping
from ingestion.mappings.tree import read_yaml
from ingestion.messages.envelope import FilePlace
from ingestion.topics import Topic
from ingestion.uploads.mapped import uploaded
from ingestion.uploads.store import UploadedMessage
from recommendations.validation.settings_limits import limits
from tenants.models import Casino

from .left_out_columns import LeftOutColumns
from .readers import read_lines, reporting_damage

MAX_BYTES = 268_435_456  # the largest JSON or XML document, which is read into memory


def file_mapping(given: str, casino: Casino, topic: Topic) -> ChosenMapping:
    """The mapping in the file `given`, of the name `given`, or the casino's own. Raises UnreadableFile."""
    try:
        path = Path(given)
        chosen = _read_mapping_file(path) if path.is_file() else choose_mapping(topic.name, given, casino.options)
    except (InvalidMapping, NoSuchMapping, OSError) as error:
        raise UnreadableFile(f"--mapping {given}: {error}") from error
    if chosen.mapping.messages != topic.name:
        text = f"--mapping {given} makes messages of {chosen.mapping.messages}, not of {topic.name}"
        raise UnreadableFile(text)
    return chosen


def _read_mapping_file(path: Path) -> ChosenMapping:
    text = path.read_text(errors="replace")
    return ChosenMapping.of(parse_mapping(read_yaml(text, str(path)), str(path)), str(path), text.encode())


def read_mapped(
    source: IO[bytes], mapping: Mapping, *, is_by_line: bool, left_out: LeftOutColumns
) -> Iterator[UploadedMessage]:
    """The messages, numbered by their lines if each has a line; else, in documents with items, one by one from 1. With
    `is_by_line` each line is a document. `left_out` gets the columns that the mapping does not read. Raises
    UnreadableFile."""
    if is_by_line:
        return reporting_damage(_read_lines(source, mapping))
    is_csv = mapping.source.kind == "csv"
    return reporting_damage(_read_rows(source, mapping, left_out) if is_csv else _read_document(source, mapping))


def _read_lines(source: IO[bytes], mapping: Mapping) -> Iterator[UploadedMessage]:
    done = 0
    for line in read_lines(source, limits.message_bytes):
        first = done + 1 if mapping.each else line.number
        raw = line.value or b""
        try:
            document = read_document(mapping.source, raw)
            items: list[Any] = find_items(mapping, document)
        except UnreadableDocument as error:
            done = first
            yield UploadedMessage(first, raw, problem=str(error), place=FilePlace(line=line.number))
            continue
        places = [FilePlace(line.number, number if mapping.each else 0) for number in range(1, len(items) + 1)]
        yield from _mapped(DocumentMapper(mapping, document), zip(count(first), places, items, strict=False))
        done = first + len(items) - 1


def _read_document(source: IO[bytes], mapping: Mapping) -> Iterator[UploadedMessage]:
    raw = source.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise UnreadableFile(f"the document has more than {MAX_BYTES} bytes: split the file")
    try:
        document = read_document(mapping.source, raw)
        items = find_items(mapping, document)
    except UnreadableDocument as error:
        raise UnreadableFile(str(error)) from error
    numbered = ((number, FilePlace(message=number), item) for number, item in enumerate(items, start=1))
    yield from _mapped(DocumentMapper(mapping, document), numbered)


def _read_rows(source: IO[bytes], mapping: Mapping, left_out: LeftOutColumns) -> Iterator[UploadedMessage]:
    encoding = encoding_of(mapping.source, source.read(len(BOM_UTF8)))
    source.seek(0)
    text = TextIOWrapper(source, encoding, newline="")
    try:
        rows = read_rows(text, mapping.source, lambda columns: _note_left_out(columns, mapping, left_out))
        numbered = ((line, FilePlace(line=line), row) for line, row in rows)
        yield from _mapped(DocumentMapper(mapping, None), numbered)
    except (InvalidCsv, UnicodeDecodeError) as error:
        raise UnreadableFile(f"the file is no CSV in {encoding}: {error}") from error
    finally:
        text.detach()


def _note_left_out(columns: Sequence[str], mapping: Mapping, left_out: LeftOutColumns) -> None:
    read = names_read(mapping)
    if read is not None:
        left_out.note([each for each in columns if each not in read], sorted(read.difference(columns)))


def _mapped(mapper: DocumentMapper, items: Iterable[tuple[int, FilePlace, Any]]) -> Iterator[UploadedMessage]:
    for number, place, item in items:
        try:
            message = mapper.message_of(item)
        except UnreadableDocument as error:
            yield UploadedMessage(number, b"", problem=str(error), place=place)
            continue
        unread = mapper.values_at(item, message.problems) if message.problems else {}
        for each in uploaded([message], number):
            yield msgspec.structs.replace(each, place=place, unread=unread)
