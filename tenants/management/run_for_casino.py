"""Runs any management command for one casino after the other: each time that casino is current."""

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
    """One line that the command wrote for a casino, to stdout or, if `is_error`, to stderr."""

    casino_id: int
    text: str
    is_error: bool


@contextmanager
def running(words: Sequence[str], notify: Notify) -> Iterator[Callable[[int], None]]:
    """What a worker does for a casino; tells each OutputLine. `words` are the command's name and its arguments."""
    yield lambda casino_id: run_for(casino_id, words, notify)


def run_for(casino_id: int, words: Sequence[str], notify: Notify) -> None:
    """Run the command. Raises whatever it raises, and CommandError if it exits with a status other than 0."""
    casino = Casino.objects.get(pk=casino_id)
    if casino.state not in READY_STATES:
        raise CommandError(f"{casino} is {casino.state} by now.")
    with use_casino(casino.current), _listening(casino_id, notify):
        casino_connection().ensure_connection()  # Django's commands offer for --database what is connected
        try:
            call_command(*fill(words, casino))
        except SystemExit as end:
            if end.code not in (None, 0):
                raise CommandError(f"{words[0]} exited with status {end.code}") from end


def fill(words: Sequence[str], casino: Casino) -> list[str]:
    """The words with {id}, {name}, {alias} and {db_name} replaced by this casino's; other braces stay."""
    values = {
        "id": str(casino.pk),
        "name": casino.name,
        "alias": casino.current.alias,
        "db_name": casino.current.db_name,
    }
    return [_PLACEHOLDER.sub(lambda found: values[found[1]], word) for word in words]


@contextmanager
def _listening(casino_id: int, notify: Notify) -> Iterator[None]:
    out = _Lines(lambda text: notify(OutputLine(casino_id, text, is_error=False)))
    err = _Lines(lambda text: notify(OutputLine(casino_id, text, is_error=True)))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield
        finally:
            out.end()
            err.end()


class _Lines(io.TextIOBase):
    """A stream that hands on whole lines."""

    def __init__(self, hand_on: Callable[[str], Any]) -> None:
        self._hand_on = hand_on
        self._begun: list[str] = []  # pieces of a line, which may be millions

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        first, *others = text.split("\n")
        self._begun.append(first)
        for each in others:
            self._hand_on("".join(self._begun))
            self._begun = [each]
        return len(text)

    def end(self) -> None:
        """Hand on what is left without a line's end."""
        if rest := "".join(self._begun):
            self._hand_on(rest)
        self._begun = []
