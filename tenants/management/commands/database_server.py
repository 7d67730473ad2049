"""`manage.py database_server <verb>`: the PostgreSQL servers of casinos' databases."""

from argparse import SUPPRESS, ArgumentTypeError
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from tenants.lifecycle.server_registry import (
    ServerDescription,
    add_server,
    describe_server,
    describe_servers,
    set_server,
)
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbCommand, VerbResult, columns, registry
from tenants.models import DatabaseServer, ServerState
from tenants.numbers import parse_whole_number

_HEAD = ("NAME", "STATE", "CASINOS", "CAPACITY", "POSTGRESQL", "PROBLEM")


class ListServers(Verb):
    name = "list"
    help = "List the servers, and check whether each is available."

    def run(self, terminal: Terminal, *args: Any, **options: Any) -> VerbResult:
        servers = describe_servers()
        return VerbResult(columns([_HEAD, *(_row(server) for server in servers)]), servers)


class AddServer(Verb):
    name = "add"
    help = "Add a server for new casinos; its address is DATABASE_SERVER_<NAME>_URL."

    def add_arguments(self, parser: CommandParser) -> None:
        _add_name_and_capacity(parser)

    def run(self, terminal: Terminal, *args: Any, name: str, **options: Any) -> VerbResult:
        capacity = options.get("capacity")
        try:
            DatabaseServer(name=name, capacity=capacity).clean_fields()
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        terminal.report(f"connecting to server {name}")
        add_server(name, capacity=capacity)
        return _described(name)


class OpenServer(Verb):
    name = "open"
    help = "Open a closed server to new casinos."

    def add_arguments(self, parser: CommandParser) -> None:
        _add_name_and_capacity(parser)

    def run(self, terminal: Terminal, *args: Any, name: str, **options: Any) -> VerbResult:
        set_server(name, state=ServerState.OPEN, **_capacity_of(options))
        return _described(name)


class CloseServer(Verb):
    name = "close"
    help = "Close a server to new casinos; its casinos stay."

    def add_arguments(self, parser: CommandParser) -> None:
        _add_name_and_capacity(parser)

    def run(self, terminal: Terminal, *args: Any, name: str, **options: Any) -> VerbResult:
        set_server(name, state=ServerState.CLOSED, **_capacity_of(options))
        return _described(name)


def _add_name_and_capacity(parser: CommandParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the server's name: small letters and digits")
    parser.add_argument(
        "--capacity", type=_capacity, default=SUPPRESS, metavar="N", help="the most casinos, or `unlimited`"
    )


def _capacity(text: str) -> int | None:
    if text == "unlimited":
        return None
    number = parse_whole_number(text, 0, 2**31 - 1)
    if number is None:
        raise ArgumentTypeError(f"is {text!r}; must be a number of casinos, or `unlimited`")
    return number


def _capacity_of(options: dict[str, Any]) -> dict[str, int | None]:
    return {"capacity": options["capacity"]} if "capacity" in options else {}


def _described(name: str) -> VerbResult:
    server = describe_server(name)
    return VerbResult(columns([_HEAD, _row(server)]), server)


def _row(server: ServerDescription) -> tuple[object, ...]:
    capacity = "unlimited" if server.capacity is None else server.capacity
    problem = " ".join(server.problem.split())
    return server.name, server.state, server.casinos, capacity, server.version or "?", problem


class Command(VerbCommand):
    help = "List, add, open and close the database servers. `manage.py database_server VERB --help` describes a verb."
    verbs = registry([ListServers(), AddServer(), OpenServer(), CloseServer()])
