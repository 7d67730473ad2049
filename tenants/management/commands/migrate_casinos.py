"""`manage.py migrate_casinos`: every casino's database up to the code's migrations."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.migration import MigrationResult, migrate_casinos
from tenants.models import Casino


class Command(BaseCommand):
    help = "Migrate the template database and every active casino's; go on after a failure, and report it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", type=int, action="append", metavar="ID", help="only this casino (repeatable)")

    def handle(self, *args: Any, casino: list[int] | None, **options: Any) -> None:
        casinos = Casino.objects.active().order_by("id")
        if casino is not None:
            casinos = casinos.filter(pk__in=casino)
            if missing := sorted(set(casino) - {found.pk for found in casinos}):
                raise CommandError(f"No active casino has the id {', '.join(map(str, missing))}.")
        results = [self._report(result) for result in migrate_casinos(casinos)]
        failed = [str(result.casino.pk) for result in results if result.error]
        if failed:
            raise CommandError(f"{len(failed)} of {len(results)} casinos failed: {', '.join(failed)}.")
        self.stdout.write(f"{len(results)} casinos are up to date.")

    def _report(self, result: MigrationResult) -> MigrationResult:
        done = result.error or ", ".join(result.applied) or "up to date"
        (self.stderr if result.error else self.stdout).write(f"{result.casino}: {done}")
        return result
