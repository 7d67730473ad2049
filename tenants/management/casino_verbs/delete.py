"""`casino delete`: permanently, after a last backup."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from tenants.lifecycle.delete import delete_casino
from tenants.lifecycle.summaries import summarise_backup
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult
from tenants.models import Casino, CasinoState

from .casino_arguments import add_casino, add_yes, find_casino


class DeleteCasino(Verb):
    name = "delete"
    help = "Delete a casino and its databases, after a last backup; its id is not reused."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)
        add_yes(parser)
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--no-backup", action="store_true", help="delete without a backup")
        where.add_argument("--backup-to", type=Path, metavar="FOLDER", help="a new folder for the last backup")

    def run(
        self,
        terminal: Terminal,
        *args: Any,
        casino_id: int,
        no_backup: bool,
        backup_to: Path | None,
        **options: Any,
    ) -> VerbResult:
        casino = find_casino(casino_id)
        if casino.state == CasinoState.DELETED:
            return VerbResult(f"{casino} is already deleted.", {"id": casino.pk, "backup": None})
        terminal.confirm(_consequence(casino, no_backup), word=casino.name)
        last_backup = delete_casino(casino, backup=not no_backup, folder=backup_to, report=terminal.report)
        where = f"its last backup is {last_backup.folder}" if last_backup else "there is no backup"
        document = {"id": casino.pk, "backup": summarise_backup(last_backup) if last_backup else None}
        return VerbResult(f"{casino} is deleted; {where}.", document)


def _consequence(casino: Casino, no_backup: bool) -> str:
    backup = "WITHOUT a backup" if no_backup else "after a last backup"
    names = ", ".join(str(database) for database in casino.databases.order_by("generation")) or "no database yet"
    return f"This deletes {casino} {backup}, with all its databases: {names}."
