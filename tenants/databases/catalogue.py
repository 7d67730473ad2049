"""Creates the catalogue database."""

import logging
from contextlib import suppress

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, OperationalError, ProgrammingError, connections

from .locks import catalogue_lock
from .roles import close_catalogue, is_catalogue_open
from .servers import database_exists, quoted, server_cursor

logger = logging.getLogger(__name__)


def ensure_catalogue() -> None:
    """Create the catalogue database if it is missing, and migrate it; with `CASINO_ROLES`, close it to the casinos'
    roles."""
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
    if settings.CASINO_ROLES and is_catalogue_open():
        _close_or_warn(name)


def advice_if_missing() -> str | None:
    """A line of advice if the catalogue does not exist or has no tables; else None."""
    name = connections["default"].settings_dict["NAME"]
    advice = "run `manage.py create_catalogue`."
    try:
        with server_cursor() as cursor:
            cursor.execute("SELECT to_regclass('casinos') IS NOT NULL")
            return None if cursor.fetchone()[0] else f"The catalogue {name} is empty: {advice}"
    except OperationalError:
        with suppress(DatabaseError), server_cursor("postgres") as cursor:
            return None if database_exists(cursor, name) else f"The catalogue {name} does not exist: {advice}"
        return None


def _close_or_warn(name: str) -> None:
    """Close the catalogue to the casinos' roles. Logs a warning if the service's role does not own it: the upgrade must
    go on, and the doctor reports the problem too."""
    reason: object = "the service's role can't change its privileges"
    try:
        close_catalogue()
    except ProgrammingError as error:
        reason = error
    if is_catalogue_open():
        logger.warning(
            "The casinos' roles can connect to the catalogue (%s); run as its owner: "
            'REVOKE ALL ON DATABASE "%s" FROM PUBLIC', reason, name,
        )  # fmt: skip
