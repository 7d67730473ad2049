"""`manage.py dbshell [--casino ID]`: psql on the catalogue, or on a casino's database."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import dbshell

from tenants.connections import alias_of
from tenants.models import Casino


class Command(dbshell.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--casino", type=int, metavar="ID", help="open this casino's database")

    def handle(self, **options: Any) -> None:
        casino_id = options.pop("casino")
        if casino_id is not None:
            casino = Casino.objects.active().filter(pk=casino_id).first()
            if casino is None:
                raise CommandError(f"No active casino has the id {casino_id}.")
            options["database"] = alias_of(casino.current)
        super().handle(**options)
