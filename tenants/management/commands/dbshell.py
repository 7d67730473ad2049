"""`manage.py dbshell [--casino ID]`: psql on the catalogue, or on a casino's database."""

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import dbshell

from tenants.databases.servers import database_settings
from tenants.management.cli.arguments import ready_casino
from tenants.numbers import as_id
from tenants.routing import connections


class Command(dbshell.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--casino", type=as_id, metavar="ID", help="open this casino's database")

    def handle(self, **options: Any) -> None:
        casino_id = options.pop("casino")
        if casino_id is None:
            super().handle(**options)
            return
        casino = ready_casino(casino_id).current
        direct = database_settings(casino.server, casino.db_name, direct=True)  # a pooler supports not all of psql
        alias = connections.register_alias(f"{casino.alias}_shell", direct)
        try:
            super().handle(**{**options, "database": alias})
        finally:
            connections.forget_alias(alias)
