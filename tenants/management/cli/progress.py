"""A progress bar for terminals."""

import sys
from types import TracebackType
from typing import Self

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

_REDRAWS = 4  # a second


class ProgressBar:
    """A bar on stderr if that is a terminal, unless `is_hidden`. Messages go to stderr, above the bar."""

    def __init__(
        self, doing: str, total: int, stderr: OutputWrapper, *, is_hidden: bool = False, is_bytes: bool = False
    ) -> None:
        self._stderr = stderr
        self._bar = (
            _bar(DownloadColumn() if is_bytes else MofNCompleteColumn()) if stderr.isatty() and not is_hidden else None
        )
        self._task = self._bar.add_task(doing, total=total) if self._bar is not None else None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task)

    def advance_to(self, done: int) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)

    def write(self, text: str) -> None:
        if self._bar is None:
            self._stderr.write(text, style_func=str)
        else:
            self._bar.console.print(Text(text))


def _bar(count: ProgressColumn) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), count, TimeElapsedColumn())
    console = Console(file=sys.stderr)  # bound now: the command below the bar may redirect it
    return Progress(
        *columns, console=console, refresh_per_second=_REDRAWS, redirect_stdout=False, redirect_stderr=False
    )
