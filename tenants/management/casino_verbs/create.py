"""`casino create`: a new casino with its own database."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import IntegrityError

from tenants.lifecycle.create import UNFINISHED, create_casino, provision
from tenants.lifecycle.summaries import describe
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult
from tenants.models import Casino

from .casino_arguments import add_name, add_server, check_name


class CreateCasino(Verb):
    name = "create"
    help = "Create a casino with an empty database; run it again after a failure to finish."

    def add_arguments(self, parser: CommandParser) -> None:
        add_name(parser)
        add_server(parser)

    def run(self, terminal: Terminal, *args: Any, name: str, server: str | None, **options: Any) -> VerbResult:
        check_name(name)
        casino = Casino.objects.filter(name=name, state__in=UNFINISHED).first()
        if casino is None:
            casino = _create(name, server, terminal)
        else:
            terminal.report(f"finishing the unfinished {casino}")
            provision(casino, server=server, report=terminal.report)
        text = f"Casino {casino.pk} ({casino.name}) is ready: database {casino.db_name} on {casino.server_id}."
        return VerbResult(text, describe(casino))


def _create(name: str, server: str | None, terminal: Terminal) -> Casino:
    try:
        return create_casino(name, server=server, report=terminal.report)
    except IntegrityError as error:
        raise CommandError(f"A casino named {name!r} already exists.") from error
