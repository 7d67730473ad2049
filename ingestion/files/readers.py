"""Readers of files of messages: each yields numbered messages as JSON, without reading ahead."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import IO

from ingestion.errors import UnreadableFile
from ingestion.topics import Topic
from ingestion.uploads.store import UploadedMessage
from recommendations.validation.settings_limits import limits

from .csv_rows import read_csv
from .json_items import read_json
from .left_out_columns import LeftOutColumns
from .source import FileFormat

_BLANK = b" \t\r\n"


def read_messages(
    source: IO[bytes], file_format: FileFormat, topic: Topic, delimiter: str, left_out: LeftOutColumns
) -> Iterator[UploadedMessage]:
    """The messages, numbered by their line from 1, or in a JSON file by their place. `left_out` gets the columns of CSV
    that are no field. Raises UnreadableFile if the file can't be read to its end."""
    readers: dict[FileFormat, Callable[[], Iterator[UploadedMessage]]] = {
        FileFormat.CSV: lambda: read_csv(source, topic.message, delimiter, left_out),
        FileFormat.JSON: lambda: read_json(source, limits.message_bytes),
        FileFormat.NDJSON: lambda: read_lines(source, limits.message_bytes),
    }
    return reporting_damage(readers[file_format]())


def reporting_damage(messages: Iterator[UploadedMessage]) -> Iterator[UploadedMessage]:
    """The messages. Raises UnreadableFile if the file can't be unpacked or read to its end."""
    try:
        yield from messages
    except (EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
        raise UnreadableFile(f"the file is damaged: {error}") from error


def read_lines(source: IO[bytes], most: int) -> Iterator[UploadedMessage]:
    """One message per line; blank lines are skipped. A line with more than `most` bytes is cut, and later rejected for
    its size."""
    number, line = 0, b""
    while line := source.readline(most + 2):
        number += 1
        if value := line.strip(_BLANK):
            yield UploadedMessage(number, value)
        while line and not line.endswith(b"\n"):
            line = source.readline(most)
