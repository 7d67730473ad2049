"""The report of a file's rejected messages: one line of JSON for each, without the message."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec

from ingestion.messages.decoding import Rejection
from ingestion.messages.envelope import FilePlace
from ingestion.messages.results import MessageResult


class RejectionReport:
    """Written before each commit: after a crash, the file may have a rejection twice, but lacks none. The first
    rejection creates the file; with `is_continued` its earlier lines stay. `places`: message number -> place in the
    file."""

    def __init__(self, path: Path, *, is_continued: bool) -> None:
        self.path = path
        self.places: Mapping[int, FilePlace] = {}
        self._mode = "ab" if is_continued else "wb"
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, results: Iterable[MessageResult]) -> None:
        """Write the rejected messages of these."""
        lines = b"".join(self._line(each) for each in sorted(results, key=_number) if each.rejection is not None)
        if not lines:
            return
        if self._file is None:
            self._file = self.path.open(self._mode)
        self._file.write(lines)
        self._file.flush()

    def _line(self, result: MessageResult) -> bytes:
        parts = _problem_of(result.rejection) if result.rejection is not None else {}
        return msgspec.json.encode(msgspec.to_builtins(self.places[_number(result)]) | parts) + b"\n"


def _problem_of(rejection: Rejection) -> dict[str, Any]:
    return {"code": rejection.code, "field": rejection.field, "detail": rejection.detail}


def _number(result: MessageResult) -> int:
    return result.envelope.place.offset
