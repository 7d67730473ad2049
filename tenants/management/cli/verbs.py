"""Commands with verbs, like `manage.py casino suspend 7`: one class per verb."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from tenants.databases.catalogue import advice_if_missing
from tenants.errors import TenancyError

from .terminal import Terminal

INTERRUPTED = 130  # the exit status that shells give to a command ended by Ctrl-C


@dataclass(frozen=True, slots=True)
class VerbResult:
    """A verb's result: `text` for people, `document` (anything that msgspec encodes) for `--json`. With a `problem` the
    command prints it and fails."""

    text: str
    document: Any
    problem: str = ""


class Verb:
    """One verb of a command. `name` is typed on the command line."""

    name: ClassVar[str]
    help: ClassVar[str]

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the verb's arguments besides `--json`; `run` gets them by name."""

    def run(self, terminal: Terminal, *args: Any, **options: Any) -> VerbResult:
        """Run the verb. May raise CommandError, TenancyError, DatabaseError, OSError."""
        raise NotImplementedError


class VerbCommand(BaseCommand):
    """Parses the verb's arguments, runs it, and prints its result."""

    requires_system_checks = [Tags.models]  # the other checks import all URLs and pages
    verbs: ClassVar[dict[str, Verb]]
    stealth_options = ("stdin",)  # for tests: confirmations are read from it

    def add_arguments(self, parser: CommandParser) -> None:
        subparsers = parser.add_subparsers(title="verbs", dest="verb", metavar="VERB", required=True)
        for verb in self.verbs.values():
            subparser = subparsers.add_parser(verb.name, help=verb.help, description=verb.help)
            subparser.add_argument("--json", action="store_true", help="print one JSON document")
            verb.add_arguments(subparser)

    def handle(self, *args: Any, verb: str, json: bool, **options: Any) -> None:
        result = self._run(self.verbs[verb], options)
        self.stdout.write(_as_json(result.document) if json else result.text)
        if result.problem:
            raise CommandError(result.problem)

    def _run(self, verb: Verb, options: dict[str, Any]) -> VerbResult:
        stdin = options.pop("stdin", sys.stdin)
        try:
            with Terminal(stdin=stdin, stderr=self.stderr, has_yes=options.get("yes", False)) as terminal:
                return verb.run(terminal, **options)
        except DatabaseError as error:
            raise CommandError(advice_if_missing() or str(error).strip()) from error
        except (TenancyError, OSError) as error:
            raise CommandError(str(error).strip()) from error
        except KeyboardInterrupt as error:
            raise CommandError("Interrupted; run the same command again to finish.", returncode=INTERRUPTED) from error


def registry(verbs: Iterable[Verb]) -> dict[str, Verb]:
    return {verb.name: verb for verb in verbs}


def columns(rows: Sequence[Sequence[object]]) -> str:
    """The rows as lines of aligned columns."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in texts)
    return "\n".join(line.rstrip() for line in lines)


def yes_or_no(value: bool | None) -> str | None:
    return None if value is None else ("yes" if value else "no")


def size_text(size: int | None) -> str | None:
    """Bytes as kB or MB."""
    if size is None:
        return None
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"


def _as_json(document: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=2).decode()
