"""Creates the catalogue database."""

from contextlib import suppress

from django.core.management import call_command
from django.db import IntegrityError, OperationalError, ProgrammingError, connections

from .locks import catalogue_lock
from .servers import database_exists, quoted, server_cursor


def ensure_catalogue() -> None:
    """Create the catalogue database if it is missing, and migrate it."""
    name = connections["default"].settings_dict["NAME"]
    try:
        with server_cursor():
            pass
    except OperationalError:
        with server_cursor("postgres") as cursor:  # raises if the server is unavailable
            if database_exists(cursor, name):
                raise
            with suppress(IntegrityError, ProgrammingError):  # another process may create it at the same moment
                cursor.execute(f"CREATE DATABASE {quoted(name)}")
    with catalogue_lock():
        call_command("migrate", database="default", verbosity=0, interactive=False)
