"""`casino backup` and `casino backups`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from tenants.lifecycle.backup import back_up, backups_of
from tenants.lifecycle.installation.backup import InstallationBackup, back_up_installation, installation_backups
from tenants.lifecycle.summaries import BackupSummary, summarise_backup
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult, columns, size_text
from tenants.numbers import counted

from .casino_arguments import InsteadOfCasino, add_casino, find_casino, require_one


class BackUpCasino(Verb):
    name = "backup"
    help = (
        "Back up a casino, which stays in service; with --all every casino and the catalogue, for `restore --all`. "
        "Exits with status 1 if a casino is missing in it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        _add_casino_or_all(parser, "all casinos and the catalogue")
        parser.add_argument("--to", type=Path, metavar="FOLDER", help="a new folder (default: one below BACKUP_DIR)")

    def run(
        self, terminal: Terminal, *args: Any, casino_id: int | None, is_all: bool, to: Path | None, **options: Any
    ) -> VerbResult:
        require_one(casino_id, is_all)
        if casino_id is None:
            return _whole(back_up_installation(folder=to, report=terminal.report))
        casino = find_casino(casino_id)
        backup = back_up(casino, folder=to, report=terminal.report)
        size = size_text(backup.manifest.size)
        return VerbResult(f"{casino} is backed up in {backup.folder} ({size}).", summarise_backup(backup))


class ListBackups(Verb):
    name = "backups"
    help = "List a casino's backups below BACKUP_DIR, the newest first; with --all the backups of the installation."

    def add_arguments(self, parser: CommandParser) -> None:
        _add_casino_or_all(parser, "the backups of all casinos with the catalogue")

    def run(self, terminal: Terminal, *args: Any, casino_id: int | None, is_all: bool, **options: Any) -> VerbResult:
        require_one(casino_id, is_all)
        if casino_id is None:
            whole = installation_backups()
            rows = [_whole_row(backup) for backup in whole]
            return VerbResult(columns(rows) if rows else "The installation has no backups.", whole)
        casino = find_casino(casino_id)
        found = [summarise_backup(backup) for backup in backups_of(casino)]
        return VerbResult(columns(backup_rows(found)) if found else f"{casino} has no backups.", found)


def _add_casino_or_all(parser: CommandParser, what: str) -> None:
    casino = add_casino(parser)
    parser.add_argument(
        "--all", dest="is_all", action=InsteadOfCasino, casino=casino, nargs=0, default=False, help=what
    )


def _whole(backup: InstallationBackup) -> VerbResult:
    manifest = backup.manifest
    there = len(manifest.casinos) - len(manifest.missing)
    casinos = counted(len(manifest.casinos), "casino")
    text = f"The catalogue and {there} of {casinos} backed up in {backup.folder}."
    missing = "; ".join(f"{each.name} (casino {each.casino_id}): {each.problem}" for each in manifest.missing)
    return VerbResult(text, backup, f"The backup is incomplete. Missing: {missing}" if missing else "")


def _whole_row(backup: InstallationBackup) -> tuple[str, ...]:
    manifest = backup.manifest
    state = "complete" if manifest.is_complete else f"incomplete, without {len(manifest.missing)}"
    taken_at = f"{manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    return taken_at, counted(len(manifest.casinos), "casino"), state, str(backup.folder)


def backup_rows(backups: Iterable[BackupSummary]) -> list[tuple[str, ...]]:
    return [
        (
            f"{backup.taken_at:%Y-%m-%d %H:%M:%S} UTC",
            f"generation {backup.generation}",
            f"{size_text(backup.size)}",
            str(backup.folder),
        )
        for backup in backups
    ]
