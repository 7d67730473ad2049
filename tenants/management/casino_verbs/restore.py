"""`casino restore` and `casino prune`: restores a former state, and drops the databases kept for that."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from tenants.lifecycle.backup import read_backup
from tenants.lifecycle.restore import prune_casino, restore_casino, restore_generation, retired_databases
from tenants.lifecycle.summaries import describe
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult
from tenants.models import Casino

from .casino_arguments import add_casino, add_server, add_yes, find_casino


class RestoreCasino(Verb):
    name = "restore"
    help = "Restore a casino from a backup or a retired generation of its database; the current one is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="the backup's folder")
        source.add_argument("--generation", type=int, metavar="N", help="a retired generation, instead of a backup")
        add_server(parser)
        add_yes(parser)

    def run(
        self,
        terminal: Terminal,
        *args: Any,
        casino_id: int,
        folder: Path | None,
        generation: int | None,
        server: str | None,
        **options: Any,
    ) -> VerbResult:
        casino = find_casino(casino_id)
        if folder is not None:
            taken_at = read_backup(folder, verify=False).manifest.taken_at
            terminal.confirm(_consequence(casino, f"the backup of {taken_at:%Y-%m-%d %H:%M:%S} UTC"))
            restore_casino(casino, folder, server=server, report=terminal.report)
        elif generation is not None:
            if server is not None:
                raise CommandError("A generation is restored on the casino's own server: omit --server.")
            terminal.confirm(_consequence(casino, f"generation {generation}"))
            restore_generation(casino, generation, report=terminal.report)
        text = f"{casino} is restored: database {casino.db_name} on {casino.server_id}, generation {casino.generation}."
        return VerbResult(text, describe(casino))


class PruneCasino(Verb):
    name = "prune"
    help = "Drop a casino's retired databases, from before restores and moves."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)
        add_yes(parser)

    def run(self, terminal: Terminal, *args: Any, casino_id: int, **options: Any) -> VerbResult:
        casino = find_casino(casino_id)
        kept = ", ".join(str(database) for database in retired_databases(casino))
        if not kept:
            return VerbResult(f"{casino} has no retired database.", [])
        terminal.confirm(f"This drops {kept}; rows that are only there are lost.")
        dropped = [str(database) for database in prune_casino(casino, report=terminal.report)]
        return VerbResult(f"Dropped: {', '.join(dropped)}.", dropped)


def _consequence(casino: Casino, former: str) -> str:
    return (
        f"{casino} is restored to {former}. Rows stored since then stay only in generation {casino.generation}, "
        "which is kept until `casino prune`."
    )
