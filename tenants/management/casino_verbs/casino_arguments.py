"""Arguments of several verbs, and their validation."""

from django.core.management.base import CommandError, CommandParser

from tenants.ids import MAX_ID
from tenants.models import Casino


def add_casino(parser: CommandParser) -> None:
    parser.add_argument("casino_id", type=int, metavar="ID", help="the casino's id")


def add_name(parser: CommandParser) -> None:
    parser.add_argument("name", type=str.strip, metavar="NAME", help="the casino's unique name")


def add_server(parser: CommandParser) -> None:
    parser.add_argument("--server", metavar="S", help="the database server (default: one with room)")


def add_yes(parser: CommandParser) -> None:
    parser.add_argument("--yes", action="store_true", help="don't ask for confirmation")


def find_casino(casino_id: int) -> Casino:
    """Raises CommandError if no casino has this id."""
    casino = Casino.objects.filter(pk=casino_id).first() if 0 < casino_id <= MAX_ID else None
    if casino is None:
        raise CommandError(f"No casino has the id {casino_id}; see `manage.py casino list`.")
    return casino


def check_name(name: str) -> None:
    """Raises CommandError if the name is empty or too long."""
    if not 0 < len(name) <= 100:
        raise CommandError(f"The casino's name has {len(name)} characters; use 1 to 100 characters.")
