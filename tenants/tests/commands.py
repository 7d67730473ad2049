"""Runs commands as in a shell, with input from a terminal."""

import json
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.core.management import call_command


class Keyboard(StringIO):
    """A terminal with this input."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Written:
    """The output of a command: its result, and its steps and prompts."""

    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def run(*arguments: object, typed: str | None = None) -> Written:
    """Run a command; `typed` is the input from a terminal, None means no terminal."""
    out, err = StringIO(), StringIO()
    stdin = StringIO() if typed is None else Keyboard(typed)
    call_command(*map(str, arguments), stdin=stdin, stdout=out, stderr=err)
    return Written(out.getvalue(), err.getvalue())
