"""Reads a file of documents of a feed, by the mapping that is chosen for it."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from ingestion.errors import UnreadableFile
from ingestion.mappings.apply import DocumentMapper
from ingestion.mappings.documents import encoding_of, find_items, read_document, read_rows
from ingestion.mappings.errors import InvalidMapping, NoSuchMapping, UnreadableDocument
from ingestion.mappings.format import Mapping
from ingestion.mappings.options import ChosenMapping, choose_mapping
from ingestion.mappings.parse import parse_mapping
from ingestion.mappings.tree import read_yaml
from ingestion.numbered_rows import InvalidCsv
from ingestion.topics import Topic
from ingestion.uploads.mapped import uploaded
from ingestion.uploads.store import UploadedMessage
from recommendations.validation.settings_limits import limits
from tenants.models import Casino

from .readers import read_lines

MAX_BYTES = 268_435_456  # of a document in JSON or XML, which is read into memory


def file_mapping(given: str, casino: Casino, topic: Topic) -> ChosenMapping:
    """The mapping in a file, of a name, or the casino's own. Raises UnreadableFile."""
    try:
        path = Path(given)
        chosen = _in_file(path) if path.is_file() else choose_mapping(topic.name, given, casino.options)
    except (InvalidMapping, NoSuchMapping, OSError) as error:
        raise UnreadableFile(f"--mapping {given}: {error}") from error
    if chosen.mapping.messages != topic.name:
        text = f"--mapping {given} makes messages of {chosen.mapping.messages}, not of {topic.name}"
        raise UnreadableFile(text)
    return chosen


def _in_file(path: Path) -> ChosenMapping:
    text = path.read_text(errors="replace")
    return ChosenMapping(parse_mapping(read_yaml(text, str(path)), str(path)), text.encode())


def read_mapped(source: IO[bytes], mapping: Mapping, *, is_by_line: bool) -> Iterator[UploadedMessage]:
    """The messages, numbered from 1, those of CSV by their lines. With `is_by_line` each line is a document. Raises
    UnreadableFile."""
    if is_by_line:
        return _of_lines(source, mapping)
    return _of_rows(source, mapping) if mapping.source.kind == "csv" else _of_document(source, mapping)


def _of_lines(source: IO[bytes], mapping: Mapping) -> Iterator[UploadedMessage]:
    number = 0
    for line in read_lines(source, limits.message_bytes):
        raw = line.value or b""
        try:
            document = read_document(mapping.source, raw)
            items: list[Any] = find_items(mapping, document)
        except UnreadableDocument as error:
            number += 1
            yield UploadedMessage(number, raw, problem=f"line {line.number}: {error}")
            continue
        for message in _mapped(DocumentMapper(mapping, document), enumerate(items, start=number + 1)):
            number = message.number
            yield message


def _of_document(source: IO[bytes], mapping: Mapping) -> Iterator[UploadedMessage]:
    raw = source.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise UnreadableFile(f"a document has at most {MAX_BYTES} bytes: split the file")
    try:
        document = read_document(mapping.source, raw)
        items = find_items(mapping, document)
    except UnreadableDocument as error:
        raise UnreadableFile(str(error)) from error
    yield from _mapped(DocumentMapper(mapping, document), enumerate(items, start=1))


def _of_rows(source: IO[bytes], mapping: Mapping) -> Iterator[UploadedMessage]:
    encoding = encoding_of(mapping.source, source.read(len(BOM_UTF8)))
    source.seek(0)
    text = TextIOWrapper(source, encoding, newline="")
    try:
        yield from _mapped(DocumentMapper(mapping, None), read_rows(text, mapping.source))
    except (InvalidCsv, UnicodeDecodeError) as error:
        raise UnreadableFile(f"the file is no CSV in {encoding}: {error}") from error
    finally:
        text.detach()


def _mapped(mapper: DocumentMapper, items: Iterable[tuple[int, Any]]) -> Iterator[UploadedMessage]:
    for number, item in items:
        try:
            message = mapper.message_of(item)
        except UnreadableDocument as error:
            yield UploadedMessage(number, b"", problem=str(error))
            continue
        yield from uploaded([message], number)
