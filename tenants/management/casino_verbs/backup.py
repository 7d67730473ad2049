"""`casino backup` and `casino backups`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from tenants.lifecycle.backup import back_up, backups_of
from tenants.lifecycle.summaries import BackupSummary, summarise_backup
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult, columns, size_text

from .casino_arguments import add_casino, find_casino


class BackUpCasino(Verb):
    name = "backup"
    help = "Back up a casino, which stays in service."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)
        parser.add_argument("--to", type=Path, metavar="FOLDER", help="a new folder (default: one below BACKUP_DIR)")

    def run(self, terminal: Terminal, *args: Any, casino_id: int, to: Path | None, **options: Any) -> VerbResult:
        casino = find_casino(casino_id)
        backup = back_up(casino, folder=to, report=terminal.report)
        size = size_text(backup.manifest.size)
        return VerbResult(f"{casino} is backed up in {backup.folder} ({size}).", summarise_backup(backup))


class ListBackups(Verb):
    name = "backups"
    help = "List a casino's backups below BACKUP_DIR, the newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)

    def run(self, terminal: Terminal, *args: Any, casino_id: int, **options: Any) -> VerbResult:
        casino = find_casino(casino_id)
        found = [summarise_backup(backup) for backup in backups_of(casino)]
        return VerbResult(columns(backup_rows(found)) if found else f"{casino} has no backups.", found)


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
