"""How a command talks with whoever called it: steps and questions go to stderr, so that stdout has the result alone."""

from types import TracebackType
from typing import IO, Self

from django.core.management.base import CommandError, OutputWrapper
from rich.console import Console
from rich.text import Text


class Terminal:
    """Steps turn with a spinner where stderr is a terminal, and are plain lines elsewhere.

    `has_yes` answers every question beforehand. A question that nobody can answer raises CommandError.
    """

    def __init__(self, *, stdin: IO[str], stderr: OutputWrapper, has_yes: bool) -> None:
        self._stdin = stdin
        self._stderr = stderr
        self._has_yes = has_yes
        self._console = Console(stderr=True) if stderr.isatty() else None
        self._status = self._console.status("") if self._console else None
        self._step = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_step(mark="✗" if exc_type else "✓")

    def report(self, step: str) -> None:
        """Say what is being done from now on."""
        if self._status is None:
            self._stderr.write(step, style_func=str)
            return
        self._end_step(mark="✓")
        self._step = step
        self._status.update(Text(step))
        self._status.start()

    def confirm(self, consequence: str, *, word: str = "yes") -> None:
        """Say what is going to happen, and go on only if `word` is typed in. Raises CommandError."""
        if self._has_yes:
            return
        if not self._stdin.isatty():
            raise CommandError(f"{consequence} There is no terminal to ask on: say --yes if you mean it.")
        self._end_step(mark="✓")
        self._stderr.write(f"{consequence}\nType {word!r} to go on: ", style_func=str, ending="")
        self._stderr.flush()
        if self._stdin.readline().strip() != word:
            raise CommandError("Nothing was done.")

    def _end_step(self, *, mark: str) -> None:
        if self._status is None or self._console is None or not self._step:
            return
        self._status.stop()
        self._console.print(Text(f"{mark} {self._step}"))
        self._step = ""
