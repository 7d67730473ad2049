"""Reads a file of a feed's documents, of which a mapping makes messages.

A file is one document, but each line of NDJSON and each row of CSV is one.
"""

import csv
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import IO

import msgspec

from ingestion.errors import UnreadableFile
from ingestion.mappings.apply import map_document
from ingestion.mappings.errors import InvalidMapping, NoSuchMapping, UnreadableDocument
from ingestion.mappings.format import Mapping
from ingestion.mappings.options import find_mapping
from ingestion.mappings.parse import parse_mapping
from ingestion.mappings.tree import read_yaml
from ingestion.topics import Topic
from ingestion.uploads.mapped import uploaded
from ingestion.uploads.store import UploadedMessage
from recommendations.serving.options import load_options
from tenants.models import Casino

OWN = "own"  # the mapping of the casino's options
_MAX_DOCUMENT = 64_000_000  # bytes: it is in memory as a whole
_BLANK = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class FileMapping:
    """A mapping, and what identifies it."""

    mapping: Mapping
    identity: bytes

    def messages(self, source: IO[bytes], *, is_lines: bool) -> Iterator[UploadedMessage]:
        """The messages, numbered from 1. A line or row that can't be read is a message that is rejected; raises
        UnreadableFile where anything else can't be."""
        number, is_whole = 0, not is_lines and self.mapping.source.kind != "csv"
        for document in self._documents(source, is_lines=is_lines):
            try:
                found = list(uploaded(map_document(self.mapping, document), number + 1))
            except UnreadableDocument as error:
                if is_whole:
                    raise UnreadableFile(f"after message {number}: {error}") from error
                found = [UploadedMessage(number + 1, document, problem=str(error))]
            yield from found
            number += len(found)

    def _documents(self, source: IO[bytes], *, is_lines: bool) -> Iterator[bytes]:
        if is_lines:
            yield from (line for each in source if (line := each.strip(_BLANK)))
        elif self.mapping.source.kind == "csv":
            yield from self._rows(source)
        else:
            document = source.read(_MAX_DOCUMENT + 1)
            if len(document) > _MAX_DOCUMENT:
                raise UnreadableFile(f"the document has more than {_MAX_DOCUMENT:,} bytes: send one document a line")
            yield document

    def _rows(self, source: IO[bytes]) -> Iterator[bytes]:
        """Each row with the first one, in the file's encoding."""
        delimiter, encoding = self.mapping.source.delimiter, _encoding(source, self.mapping.source.encoding)
        text = TextIOWrapper(source, encoding, "surrogateescape", newline="")
        rows = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            names = next(rows, [])
            for row in rows:
                written = StringIO(newline="")
                csv.writer(written, delimiter=delimiter).writerows([names, row])
                yield written.getvalue().encode(encoding, "surrogateescape")
        except csv.Error as error:
            raise UnreadableFile(f"line {rows.line_num} is no CSV: {error}") from error
        finally:
            text.detach()


def file_mapping(given: str, casino: Casino, topic: Topic) -> FileMapping:
    """The mapping in a file, of a name, or the casino's own. Raises UnreadableFile."""
    try:
        if Path(given).is_file():
            text = Path(given).read_text(errors="replace")
            mapping, identity = parse_mapping(read_yaml(text, given), given), text.encode()
        else:
            stored = getattr(load_options(casino.options).mapping, topic.name) if given == OWN else given
            if stored is None:
                raise UnreadableFile(f"--mapping is {OWN}, but {casino}'s options have no mapping.{topic.name}")
            mapping, identity = find_mapping(topic.name, stored), msgspec.json.encode(stored)
    except (InvalidMapping, NoSuchMapping) as error:
        raise UnreadableFile(f"--mapping {given}: {error}") from error
    if mapping.messages != topic.name:
        raise UnreadableFile(f"--mapping {given} makes messages of {mapping.messages}, not of {topic.name}")
    return FileMapping(mapping, identity)


def _encoding(source: IO[bytes], declared: str) -> str:
    """That of the mark at the file's beginning, if it has one."""
    start = source.read(len(BOM_UTF8))
    source.seek(0)
    return "utf-8-sig" if start == BOM_UTF8 else declared
