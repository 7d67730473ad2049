"""Reads a JSON file: an array of messages, or messages one after the other."""

from collections.abc import Iterator
from typing import IO, Any

import ijson
import msgspec

from ingestion.errors import UnreadableFile
from ingestion.uploads.store import UploadedMessage

_STARTS = {"start_map": "{", "start_array": "["}
_ENDS = {"end_map": "}", "end_array": "]"}


def read_json(source: IO[bytes], most: int) -> Iterator[UploadedMessage]:
    """The messages, numbered from 1. Of one with more than `most` bytes, the rest is left out: it is rejected for its
    size. Raises UnreadableFile at the first byte that is no JSON, and at a number
    with thousands of digits."""
    number, writer, is_in_array = 0, _Writer(most), False
    try:
        for event, value in ijson.basic_parse(source, multiple_values=True):
            if writer.depth == 0 and event == ("end_array" if is_in_array else "start_array"):
                is_in_array = not is_in_array  # the file's own
                continue
            writer.write(event, value)
            if writer.depth == 0:
                number += 1
                yield UploadedMessage(number, writer.take())
    except (ijson.JSONError, ValueError) as error:
        first_line = str(error).strip().partition("\n")[0]
        raise UnreadableFile(f"the file is no JSON after message {number}: {first_line}") from error


class _Writer:
    """Writes a message again, from the events of its parser: names that occur twice stay, and so do all digits."""

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
        return str(value)  # a Decimal, for which the encoder would write text
    text = msgspec.json.encode(value).decode()
    return f"{text}:" if event == "map_key" else text
