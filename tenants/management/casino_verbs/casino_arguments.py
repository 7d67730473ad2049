"""Arguments of several verbs, and their validation."""

from argparse import Action, ArgumentParser, Namespace
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from tenants.ids import MAX_ID
from tenants.models import Casino
from tenants.names import validate_name
from tenants.numbers import as_id


class InsteadOfCasino(Action):
    """An option that replaces the casino's id: stores its value, or true if it takes none."""

    def __init__(self, *args: Any, casino: Action, **options: Any) -> None:
        super().__init__(*args, **options)
        self._casino = casino

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: Any, option: str | None = None) -> None:
        self._casino.required = False
        setattr(namespace, self.dest, True if self.nargs == 0 else values)


def add_casino(parser: CommandParser) -> Action:
    return parser.add_argument("casino_id", type=as_id, metavar="ID", help="the casino's id")


def add_name(parser: CommandParser) -> None:
    parser.add_argument("name", type=str.strip, metavar="NAME", help="the casino's unique name")


def add_server(parser: CommandParser) -> None:
    parser.add_argument("--server", metavar="S", help="the database server (default: one with room)")


def add_yes(parser: CommandParser) -> None:
    parser.add_argument("--yes", action="store_true", help="don't ask for confirmation")


def find_casino(casino_id: int | None) -> Casino:
    """The casino with this id. Raises CommandError if there is none."""
    if casino_id is None:
        raise CommandError("Give the casino's id; see `manage.py casino list`.")
    casino = Casino.objects.filter(pk=casino_id).first() if 0 < casino_id <= MAX_ID else None
    if casino is None:
        raise CommandError(f"No casino has the id {casino_id}; see `manage.py casino list`.")
    return casino


def require_one(casino_id: int | None, is_all: bool) -> None:
    """Raises CommandError if both a casino's id and `--all` are given."""
    if is_all and casino_id is not None:
        raise CommandError(f"Give the casino's id {casino_id}, or --all, not both.")


def check_name(name: str) -> None:
    """Raises CommandError if the name of a casino or a key is empty, too long, or has hidden characters."""
    try:
        validate_name(name)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error
