"""Reads a JSON file: an array of messages, or a sequence of messages."""

import re
from collections.abc import Iterator
from typing import IO, Any

import ijson
import msgspec

from ingestion.errors import UnreadableFile
from ingestion.messages.envelope import FilePlace
from ingestion.uploads.store import UploadedMessage

_STARTS = {"start_map": "{", "start_array": "["}
_ENDS = {"end_map": "}", "end_array": "]"}
_LONGEST = 16_777_216  # bytes of a text or of blanks
_MAX_DIGITS = 4_300  # Python's limit for a number
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (_MAX_DIGITS + 1))


def read_json(source: IO[bytes], most: int) -> Iterator[UploadedMessage]:
    """The messages, numbered from 1. A message with more than `most` bytes is cut, and later rejected for its size.
    Raises UnreadableFile at the first byte that is no JSON, at a number with too many digits for Python, and at a text
    too long for the memory."""
    number, writer, checked, is_in_array = 0, _Writer(most), _CheckedSource(source), False
    try:
        for event, value in ijson.basic_parse(checked, multiple_values=True):
            checked.unparsed = 0
            if writer.depth == 0 and event == ("end_array" if is_in_array else "start_array"):
                is_in_array = not is_in_array  # the file's outer array
                continue
            writer.write(event, value)
            if writer.depth == 0:
                number += 1
                yield UploadedMessage(number, writer.take(), place=FilePlace(message=number))
    except (ijson.JSONError, ValueError, ArithmeticError) as error:
        first_line = str(error).strip().partition("\n")[0]
        raise UnreadableFile(f"the file is no JSON after message {number}: {first_line}") from error


class _CheckedSource:
    """The source, checked for input that the parser can't handle: texts that fill the memory, and numbers with
    thousands of digits, which end the process. `unparsed`: the bytes since the parser's last event."""

    def __init__(self, source: IO[bytes]) -> None:
        self.unparsed = 0
        self._source = source
        self._end, self._has_long_number = b"", False

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises ValueError for a text or a number that is too long."""
        if self._has_long_number:
            raise ValueError(f"a number has more than {_MAX_DIGITS} digits")
        block = self._source.read(size)
        self.unparsed += len(block)
        if self.unparsed > _LONGEST:
            raise ValueError(f"a text has more than {_LONGEST} bytes")
        seen = self._end + block
        if found := _LONG_NUMBER.search(seen):
            self._has_long_number = True
            return block[: max(found.start() - len(self._end), 0)] or self.read()
        self._end = seen[-_MAX_DIGITS:]
        return block


class _Writer:
    """Rebuilds a message's JSON from its parser's events; keeps repeated names and all digits."""

    def __init__(self, most: int) -> None:
        self.depth = 0
        self._most, self._size = most, 0
        self._parts: list[str] = []
        self._needs_comma = False

    def write(self, event: str, value: Any) -> None:
        if event in _ENDS:
            self.depth -= 1
            self._append(_ENDS[event])
            self._needs_comma = True
            return
        if self._needs_comma:
            self._append(",")
        self._needs_comma = event not in ("map_key", *_STARTS)
        self.depth += event in _STARTS
        self._append(_STARTS.get(event) or _scalar(event, value))

    def take(self) -> bytes:
        message = "".join(self._parts).encode()
        self._parts.clear()
        self._size, self._needs_comma = 0, False
        return message

    def _append(self, text: str) -> None:
        if self._size <= self._most:
            self._parts.append(text)
            self._size += len(text)


def _scalar(event: str, value: Any) -> str:
    if event == "number":
        return str(value)  # a Decimal, which the encoder would write as text
    text = msgspec.json.encode(value).decode()
    return f"{text}:" if event == "map_key" else text
