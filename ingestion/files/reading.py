"""A way of reading a file: its messages, and the digests that identify it."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import IO

from ingestion.mappings.options import ChosenMapping
from ingestion.topics import Topic
from ingestion.uploads.store import UploadedMessage

from .left_out_columns import LeftOutColumns
from .mapped import read_mapped
from .readers import read_messages
from .source import FileFormat, unpacked

_BY_LINE, _ONE_BY_ONE = "lines", "messages"


@dataclass(frozen=True, slots=True)
class FileReading:
    """The messages of a file. `numbering` is the digest of the numbering: two readings with equal ones give a message
    the same number. `digest` is that of all parameters of the reading."""

    messages: Iterator[UploadedMessage]
    left_out: LeftOutColumns
    numbering: str
    digest: str


def read_plain(source: IO[bytes], file_format: FileFormat, topic: Topic, delimiter: str) -> FileReading:
    """Read a file of messages in the usual format."""
    left_out = LeftOutColumns()
    messages = read_messages(unpacked(source), file_format, topic, delimiter, left_out)
    numbering = _ONE_BY_ONE if file_format is FileFormat.JSON else _BY_LINE
    return FileReading(messages, left_out, _digest(numbering), _digest(f"{file_format}{delimiter}"))


def read_by_mapping(source: IO[bytes], chosen: ChosenMapping, *, is_by_line: bool) -> FileReading:
    """Read a file of a feed's documents."""
    mapping, left_out = chosen.mapping, LeftOutColumns()
    messages = read_mapped(unpacked(source), mapping, is_by_line=is_by_line, left_out=left_out)
    way = _BY_LINE if is_by_line or mapping.source.kind == "csv" else _ONE_BY_ONE
    items = " or ".join(path.text for path in mapping.each)
    numbering = f"{way} {items}".strip()
    return FileReading(messages, left_out, _digest(numbering), _digest(f"{is_by_line}:{chosen.digest}"))


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
