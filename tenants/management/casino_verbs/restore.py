"""`casino restore` and `casino prune`: restores a former state, and drops the retired databases."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from tenants.lifecycle.backup import read_backup
from tenants.lifecycle.installation.backup import read_installation_backup
from tenants.lifecycle.installation.restore import CasinoRestore, Outcome, restore_installation
from tenants.lifecycle.restore import (
    erased_since,
    prune_casino,
    restore_casino,
    restore_generation,
    retired_databases,
)
from tenants.lifecycle.summaries import describe
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult
from tenants.models import Casino
from tenants.numbers import as_count, counted

from .casino_arguments import InsteadOfCasino, add_casino, add_server, add_yes, find_casino, require_one


class RestoreCasino(Verb):
    name = "restore"
    help = (
        "Restore a casino from a backup or a retired generation of its database; the current one is kept. With --all "
        "restore the catalogue and every casino onto empty servers; run it again to continue after a failure. Exits "
        "with status 1 if a casino is not restored."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        casino = add_casino(parser)
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="the backup's folder")
        source.add_argument(
            "--generation", type=as_count, metavar="N", help="a retired generation, instead of a backup"
        )
        source.add_argument(
            "--all", dest="whole", action=InsteadOfCasino, casino=casino, type=Path, metavar="FOLDER",
            help="the folder of a backup of the whole installation, instead of a casino's",
        )  # fmt: skip
        add_server(parser)
        add_yes(parser)

    def run(
        self,
        terminal: Terminal,
        *args: Any,
        casino_id: int | None,
        folder: Path | None,
        generation: int | None,
        whole: Path | None,
        server: str | None,
        **options: Any,
    ) -> VerbResult:
        require_one(casino_id, whole is not None)
        if whole is not None:
            return _restore_all(terminal, whole, server)
        casino = find_casino(casino_id)
        advice = ""
        if folder is not None:
            taken_at = read_backup(folder, verify=False).manifest.taken_at
            terminal.confirm(_consequence(casino, f"the backup of {taken_at:%Y-%m-%d %H:%M:%S} UTC"))
            restore_casino(casino, folder, server=server, report=terminal.report)
            advice = _advice(casino.pk, erased_since(casino, taken_at))
        elif generation is not None:
            if server is not None:
                raise CommandError("A generation is restored on the casino's own server: omit --server.")
            terminal.confirm(_consequence(casino, f"generation {generation}"))
            restore_generation(casino, generation, report=terminal.report)
        text = f"{casino} is restored: database {casino.db_name} on {casino.server_id}, generation {casino.generation}."
        return VerbResult(text + advice, describe(casino))


def _restore_all(terminal: Terminal, folder: Path, server: str | None) -> VerbResult:
    manifest = read_installation_backup(folder, verify=False).manifest
    without = "".join(f" Not in it: {each.name} (casino {each.casino_id})." for each in manifest.missing)
    terminal.confirm(
        f"This restores the catalogue and {counted(len(manifest.casinos), 'casino')} from the backup of "
        f"{manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC.{without}"
    )
    casinos = restore_installation(folder, server=server, report=terminal.report)
    failed = [casino for casino in casinos if casino.outcome == Outcome.FAILED]
    lines = [_line(casino) for casino in casinos if casino.outcome != Outcome.FAILED]
    problem = "; ".join(f"{casino.name} (casino {casino.casino_id}): {casino.problem}" for casino in failed)
    text = "\n".join(["The catalogue is restored.", *lines])
    return VerbResult(text, casinos, f"Not restored, run the same command again: {problem}" if failed else "")


def _line(casino: CasinoRestore) -> str:
    outcome = "restored" if casino.outcome == Outcome.RESTORED else "kept: its database is in place"
    return f"{casino.name} (casino {casino.casino_id}) is {outcome}.{_advice(casino.casino_id, casino.erased_since)}"


def _advice(casino_id: int, erased: int) -> str:
    if not erased:
        return ""
    return (
        f" It has {counted(erased, 'user')} again, erased since: run "
        f"`manage.py forget_user --casino {casino_id} --again`."
    )


class PruneCasino(Verb):
    name = "prune"
    help = "Drop a casino's retired databases, from before restores and moves."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)
        add_yes(parser)

    def run(self, terminal: Terminal, *args: Any, casino_id: int, **options: Any) -> VerbResult:
        casino = find_casino(casino_id)
        retired = ", ".join(str(database) for database in retired_databases(casino))
        if not retired:
            return VerbResult(f"{casino} has no retired database.", [])
        terminal.confirm(f"This drops {retired}; rows that are only there are lost.")
        dropped = [str(database) for database in prune_casino(casino, report=terminal.report)]
        return VerbResult(f"Dropped: {', '.join(dropped)}.", dropped)


def _consequence(casino: Casino, former: str) -> str:
    return (
        f"{casino} is restored to {former}. Rows stored since then stay only in generation {casino.generation}, "
        "which is kept until `casino prune`."
    )
