"""Opens a file of messages: detects its format, computes its digest, and unpacks compressed files."""

import gzip
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import IO, cast

from ingestion.errors import UnreadableFile

STDIN = "-"
_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"


class FileFormat(StrEnum):
    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"


_SUFFIXES = {
    ".csv": FileFormat.CSV,
    ".json": FileFormat.JSON,
    ".ndjson": FileFormat.NDJSON,
    ".jsonl": FileFormat.NDJSON,
}


def format_of(name: str) -> FileFormat:
    """The format, by the file's name. Raises UnreadableFile."""
    found = find_format(name)
    if found is None:
        raise UnreadableFile(f"the name {name} does not show the format: give --format, one of {', '.join(FileFormat)}")
    return found


def find_format(name: str) -> FileFormat | None:
    return _SUFFIXES.get(Path(name.removesuffix(".gz")).suffix.lower())


@contextmanager
def open_source(name: str) -> Iterator[IO[bytes]]:
    """The unchanged file; `-` is stdin, copied to a temporary file. Raises UnreadableFile."""
    if name == STDIN:
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.seek(0)
            yield copy
        return
    try:
        opened = Path(name).open("rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise UnreadableFile(f"{name} can't be opened: {error.strerror}") from error
    with opened:
        yield opened


def digest_of(source: IO[bytes]) -> str:
    digest = sha256()
    while block := source.read(_BLOCK):
        digest.update(block)
    source.seek(0)
    return digest.hexdigest()


def unpacked(source: IO[bytes]) -> IO[bytes]:
    """The unpacked source, or the source itself if it is not compressed."""
    is_packed = source.read(len(_GZIP)) == _GZIP
    source.seek(0)
    return cast(IO[bytes], gzip.open(source)) if is_packed else source
