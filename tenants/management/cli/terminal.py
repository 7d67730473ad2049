"""Progress steps and confirmations, on stderr: stdout gets the result only."""

from types import TracebackType
from typing import IO, Self

from django.core.management.base import CommandError, OutputWrapper
from rich.console import Console
from rich.text import Text


class Terminal:
    """Shows steps with a spinner if stderr is a terminal, else as plain lines.

    `has_yes` confirms everything. Without it, and without a terminal on stdin, `confirm` raises CommandError.
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
        """Show the step that starts now."""
        if self._status is None:
            self._stderr.write(step, style_func=str)
            return
        self._end_step(mark="✓")
        self._step = step
        self._status.update(Text(step))
        self._status.start()

    def confirm(self, consequence: str, *, word: str = "yes") -> None:
        """Show the consequence, and wait until the operator types `word`. Raises CommandError for any other input."""
        if self._has_yes:
            return
        if not self._stdin.isatty():
            raise CommandError(f"{consequence} Not a terminal: pass --yes to confirm.")
        self._end_step(mark="✓")
        self._stderr.write(f"{consequence}\nType {word!r} to continue: ", style_func=str, ending="")
        self._stderr.flush()
        if self._stdin.readline().strip() != word:
            raise CommandError("Not confirmed; nothing was changed.")

    def _end_step(self, *, mark: str) -> None:
        if self._status is None or self._console is None or not self._step:
            return
        self._status.stop()
        self._console.print(Text(f"{mark} {self._step}"))
        self._step = ""
