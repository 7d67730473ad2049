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
    """Written before each commit: after a crash, a rejection may be there twice, but none is missing. The file is made
    with the first rejection; `is_continued`: what is in it already stays. `places`: where the messages are, by their
    numbers."""

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
        """Write the rejected ones of these."""
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
