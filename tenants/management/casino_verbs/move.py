"""`casino move`: to another database server."""

from typing import Any

from django.core.management.base import CommandParser

from tenants.lifecycle.move import move_casino
from tenants.lifecycle.summaries import describe
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult

from .casino_arguments import add_casino, find_casino


class MoveCasino(Verb):
    name = "move"
    help = "Move a casino to another database server; it is read-only meanwhile."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)
        parser.add_argument("server", metavar="SERVER", help="the server's name in `manage.py database_server list`")

    def run(self, terminal: Terminal, *args: Any, casino_id: int, server: str, **options: Any) -> VerbResult:
        casino = find_casino(casino_id)
        move_casino(casino, server, report=terminal.report)
        return VerbResult(f"{casino} is on {casino.server_id}: database {casino.db_name}.", describe(casino))
