"""`manage.py for_casinos --all -- COMMAND ..`: runs any management command for many casinos."""

from argparse import RawDescriptionHelpFormatter
from functools import partial
from typing import Any

import msgspec
from django.core.checks import Tags
from django.core.management import get_commands
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.errors import WorkersFailed
from tenants.management.cli.arguments import add_jobs_argument, jobs_for, ready_casinos
from tenants.management.cli.progress import ProgressBar
from tenants.management.cli.verbs import INTERRUPTED
from tenants.management.run_for_casino import OutputLine, running
from tenants.models import Casino
from tenants.numbers import as_id
from tenants.workers.worker_pool import workers


class CasinoCommandResult(msgspec.Struct, frozen=True):
    """The command's result for one casino. `output`: the lines that it wrote; `seconds`: its duration."""

    id: int
    name: str
    error: str
    seconds: float
    output: list[str]


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the other checks import all URLs and pages
    help = (
        "Run any management command for many casinos, each of them current. A failure does not stop the others.\n\n"
        "In the command, {id}, {name}, {alias} and {db_name} are replaced by the casino's:\n"
        "  manage.py for_casinos --all -- dumpdata recommendations --database {alias} --output {id}.json"
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--casino", type=as_id, action="append", metavar="ID", help="this casino (repeatable)")
        which.add_argument("--all", action="store_true", help="every casino with a complete database")
        add_jobs_argument(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.add_argument("words", nargs="*", metavar="COMMAND", help="after --: the command and its arguments")

    def handle(
        self, *args: Any, casino: list[int] | None, jobs: int | None, json: bool, words: list[str], **options: Any
    ) -> None:
        _check(words)
        casinos = Casino.objects.ready() if casino is None else ready_casinos(casino)
        names = dict(casinos.order_by("pk").values_list("pk", "name"))
        try:
            outcomes = self._run(words, names, jobs_for(len(names), jobs), as_json=json)
        except WorkersFailed as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as error:
            raise CommandError("Interrupted.", returncode=INTERRUPTED) from error
        if json:
            self.stdout.write(msgspec.json.format(msgspec.json.encode(outcomes), indent=2).decode())
        if failed := [str(outcome.id) for outcome in outcomes if outcome.error]:
            raise CommandError(f"{words[0]} failed for {len(failed)} of {len(names)} casinos: {', '.join(failed)}.")

    def _run(self, words: list[str], names: dict[int, str], jobs: int, *, as_json: bool) -> list[CasinoCommandResult]:
        outcomes, lines = [], dict[int, list[str]]({casino_id: [] for casino_id in names})

        def on_message(line: OutputLine) -> None:
            if as_json:
                lines[line.casino_id].append(line.text)
            else:
                self._print(line, has_prefix=len(names) > 1)

        with (
            ProgressBar(words[0], len(names), self.stderr, is_hidden=self.stdout.isatty() and not as_json) as bar,
            workers(partial(running, words), jobs=jobs, on_message=on_message) as run,
        ):
            for done in run(names):
                bar.advance()
                if done.error:
                    bar.write(f"{names[done.task]} (casino {done.task}): {done.error}")
                outcomes.append(
                    CasinoCommandResult(done.task, names[done.task], done.error, done.seconds, lines[done.task])
                )
        return sorted(outcomes, key=lambda outcome: outcome.id)

    def _print(self, line: OutputLine, *, has_prefix: bool) -> None:
        text = f"{line.casino_id}: {line.text}" if has_prefix else line.text
        (self.stderr if line.is_error else self.stdout).write(text, style_func=str)


def _check(words: list[str]) -> None:
    if not words:
        raise CommandError("Name the command to run after two dashes: manage.py for_casinos --all -- check")
    if words[0] not in get_commands():
        raise CommandError(f"There is no command {words[0]!r}; see `manage.py help`.")
