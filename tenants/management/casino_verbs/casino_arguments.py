"""Arguments that several verbs take, and the casino that one of them names."""

from django.core.management.base import CommandError, CommandParser

from tenants.ids import MAX_ID
from tenants.models import Casino


def add_casino(parser: CommandParser) -> None:
    parser.add_argument("casino_id", type=int, metavar="ID", help="the casino's id")


def add_name(parser: CommandParser) -> None:
    parser.add_argument("name", type=str.strip, metavar="NAME", help="what people call the casino; must be new")


def add_server(parser: CommandParser) -> None:
    parser.add_argument("--server", metavar="S", help="the database server; without it, where there is room")


def add_yes(parser: CommandParser) -> None:
    parser.add_argument("--yes", action="store_true", help="don't ask")


def find_casino(casino_id: int) -> Casino:
    """Raises CommandError if there is none."""
    casino = Casino.objects.filter(pk=casino_id).first() if 0 < casino_id <= MAX_ID else None
    if casino is None:
        raise CommandError(f"No casino has the id {casino_id}; `manage.py casino list` shows those there are.")
    return casino


def check_name(name: str) -> None:
    """Raises CommandError unless a casino may be called so."""
    if not 0 < len(name) <= 100:
        raise CommandError("A casino's name has 1 to 100 characters.")
