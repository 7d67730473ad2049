"""Commands, run as from a shell: what they print, and what is typed in when they ask."""

import json
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.core.management import call_command


class Keyboard(StringIO):
    """A terminal on which this is typed."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Written:
    """What a command wrote: its result, and its steps and questions."""

    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def run(*arguments: object, typed: str | None = None) -> Written:
    """Run a command; `typed` is what somebody at a terminal answers, None means that there is no terminal."""
    out, err = StringIO(), StringIO()
    stdin = StringIO() if typed is None else Keyboard(typed)
    call_command(*map(str, arguments), stdin=stdin, stdout=out, stderr=err)
    return Written(out.getvalue(), err.getvalue())
