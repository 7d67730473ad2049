"""Runs any management command for a casino, with that casino current."""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError

from tenants.models import Casino
from tenants.models.casino import READY_STATES
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino
from tenants.workers.task import Notify

_PLACEHOLDER = re.compile(r"\{(id|name|alias|db_name)\}")


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A line that the command wrote for a casino, to stdout or, if `is_error`, to stderr."""

    casino_id: int
    text: str
    is_error: bool


@contextmanager
def running(words: Sequence[str], notify: Notify) -> Iterator[Callable[[int], None]]:
    """A worker's task: run the command for a casino, and send each OutputLine. `words`: its name and arguments."""
    yield lambda casino_id: run_for(casino_id, words, notify)


def run_for(casino_id: int, words: Sequence[str], notify: Notify) -> None:
    """Run the command. Raises its exceptions, and CommandError if its exit status is not 0."""
    casino = Casino.objects.get(pk=casino_id)
    if casino.state not in READY_STATES:
        raise CommandError(f"{casino} is {casino.state}: it has no complete database.")
    with use_casino(casino.current), _capturing(casino_id, notify):
        casino_connection().ensure_connection()  # Django's commands accept connected aliases for --database
        try:
            call_command(*fill(words, casino))
        except SystemExit as end:
            if end.code not in (None, 0):
                raise CommandError(f"{words[0]} exited with status {end.code}") from end


def fill(words: Sequence[str], casino: Casino) -> list[str]:
    """Replace {id}, {name}, {alias} and {db_name} by this casino's values; other braces stay."""
    values = {
        "id": str(casino.pk),
        "name": casino.name,
        "alias": casino.current.alias,
        "db_name": casino.current.db_name,
    }
    return [_PLACEHOLDER.sub(lambda found: values[found[1]], word) for word in words]


@contextmanager
def _capturing(casino_id: int, notify: Notify) -> Iterator[None]:
    out = _Lines(lambda text: notify(OutputLine(casino_id, text, is_error=False)))
    err = _Lines(lambda text: notify(OutputLine(casino_id, text, is_error=True)))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield
        finally:
            out.end()
            err.end()


class _Lines(io.TextIOBase):
    """A stream that passes complete lines to a callback."""

    def __init__(self, on_line: Callable[[str], Any]) -> None:
        self._on_line = on_line
        self._parts: list[str] = []  # parts of the unfinished line

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        first, *others = text.split("\n")
        self._parts.append(first)
        for each in others:
            self._on_line("".join(self._parts))
            self._parts = [each]
        return len(text)

    def end(self) -> None:
        """Pass on the last line if it does not end in a line break."""
        if rest := "".join(self._parts):
            self._on_line(rest)
        self._parts = []
