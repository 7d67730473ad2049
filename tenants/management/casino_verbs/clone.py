"""`casino clone`: a new casino with a copy of all data."""

from typing import Any

from django.core.management.base import CommandParser

from tenants.lifecycle.clone import clone_casino
from tenants.lifecycle.summaries import describe
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult

from .casino_arguments import add_casino, add_name, add_server, check_name, find_casino


class CloneCasino(Verb):
    name = "clone"
    help = "Create a casino with a copy of another casino's rows and configuration."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)
        add_name(parser)
        add_server(parser)

    def run(
        self, terminal: Terminal, *args: Any, casino_id: int, name: str, server: str | None, **options: Any
    ) -> VerbResult:
        check_name(name)
        source = find_casino(casino_id)
        casino = clone_casino(source, name, server=server, report=terminal.report)
        text = f"{casino} is a copy of {source}: database {casino.db_name} on {casino.server_id}."
        return VerbResult(text, describe(casino))
