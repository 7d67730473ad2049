"""`casino list` and `casino show`."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.management.base import CommandParser

from tenants.lifecycle.summaries import CasinoDescription, describe, summarise
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult, columns, size_text, yes_or_no
from tenants.models import Casino, CasinoState

from .backup import backup_rows
from .casino_arguments import add_casino, find_casino


class ListCasinos(Verb):
    name = "list"
    help = "List the casinos that are not deleted."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--state", choices=CasinoState.values, help="only casinos in this state")

    def run(self, terminal: Terminal, *args: Any, state: str | None, **options: Any) -> VerbResult:
        casinos = Casino.objects.filter(state=state) if state else Casino.objects.living()
        found = [summarise(casino) for casino in casinos.order_by("id")]
        head = ("ID", "NAME", "STATE", "SERVER", "GENERATION", "BEHIND", "CONFIGURED", "DETAIL")
        rows = [
            (
                casino.id,
                casino.name,
                casino.state,
                casino.server,
                casino.generation,
                yes_or_no(casino.is_behind),
                yes_or_no(casino.is_configured),
                " ".join(casino.detail.split()),
            )
            for casino in found
        ]
        return VerbResult(columns([head, *rows]) if rows else "No casinos found.", found)


class ShowCasino(Verb):
    name = "show"
    help = "Show everything about a casino."

    def add_arguments(self, parser: CommandParser) -> None:
        add_casino(parser)

    def run(self, terminal: Terminal, *args: Any, casino_id: int, **options: Any) -> VerbResult:
        description = describe(find_casino(casino_id))
        return VerbResult("\n".join(_lines(description)), description)


def _lines(casino: CasinoDescription) -> Iterator[str]:
    facts = {
        "id": casino.id,
        "name": casino.name,
        "identity": casino.identity,
        "created": f"{casino.created_at:%Y-%m-%d %H:%M} UTC",
        "copied from": casino.copied_from and f"casino {casino.copied_from}",
        "state": casino.state,
        "detail": casino.detail,
        "server": casino.server,
        "database": casino.database,
        "generation": casino.generation,
        "size": size_text(casino.size),
        "schema version": casino.schema_version,
        "behind": casino.is_behind and "yes: run `manage.py migrate_casinos`",
        "configured": casino.recommender_type if casino.is_configured else "no",
    }
    yield columns([(name, value) for name, value in facts.items() if value not in (None, "", False)])
    yield from _section("backups", backup_rows(casino.backups))
    retired = [(f"generation {each.generation}", each.database, f"on {each.server}") for each in casino.retired]
    yield from _section("retired", retired)


def _section(title: str, rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if rows:
        yield f"{title}:"
        yield from (f"  {line}" for line in columns(rows).splitlines())
