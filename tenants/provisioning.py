"""Makes casinos: a row of the catalogue, and a database of their own cloned from the migrated template."""

from collections.abc import Iterable
from contextlib import suppress

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, OperationalError, ProgrammingError, connections
from django.db.backends.utils import CursorWrapper

from .errors import ProvisioningFailed
from .models import Casino, CasinoState
from .server import database_exists, provisioning_lock, quoted, server_cursor
from .template import ensure_template


def ensure_catalogue() -> None:
    """Make the catalogue database unless it is there, and migrate it."""
    name = connections["default"].settings_dict["NAME"]
    try:
        with server_cursor():
            pass
    except OperationalError:
        with server_cursor("postgres") as cursor:  # if it is the server that is away, this says so
            if database_exists(cursor, name):
                raise
            with suppress(IntegrityError, ProgrammingError):  # another process may make it at the same moment
                cursor.execute(f"CREATE DATABASE {quoted(name)}")
    with provisioning_lock():
        call_command("migrate", database="default", verbosity=0, interactive=False)


def store_casinos(names: Iterable[str]) -> list[Casino]:
    """The casinos of these names, in their order; those that are new are created, those half made are finished."""
    return [_store_casino(name) for name in names]


def create_casino(name: str) -> Casino:
    """A new casino with an empty database of its own.

    Raises IntegrityError if the name is taken, ProvisioningFailed if the database can't be made; then the row stays,
    with the reason, and `provision` may be called again.
    """
    casino = Casino.objects.create(name=name)
    provision(casino)
    return casino


def provision(casino: Casino) -> None:
    """Bring a casino to `active`. Each step can be repeated after a crash; an active casino is left as it is."""
    db_name = f"{settings.CASINO_DATABASE_PREFIX}{casino.pk}"
    try:
        with provisioning_lock() as cursor:
            casino.refresh_from_db()
            if casino.state != CasinoState.ACTIVE:
                _create_database(cursor, casino, db_name)
                _advance(casino, CasinoState.ACTIVE, db_name=db_name)
    except (DatabaseError, ProvisioningFailed) as error:
        _record_failure(casino, str(error))
        raise ProvisioningFailed(f"The database {db_name} of {casino} could not be made: {error}") from error


def _store_casino(name: str) -> Casino:
    casino, _ = Casino.objects.get_or_create(name=name)
    provision(casino)
    return casino


def _create_database(cursor: CursorWrapper, casino: Casino, db_name: str) -> None:
    exists = database_exists(cursor, db_name)
    if exists and casino.state != CasinoState.CREATING:
        raise ProvisioningFailed(
            f"a database {db_name} exists already and is not this casino's; rename it, drop it, "
            "or set another CASINO_DATABASE_PREFIX"
        )
    template = ensure_template(cursor)
    _advance(casino, CasinoState.CREATING)
    if not exists:
        cursor.execute(f"CREATE DATABASE {quoted(db_name)} TEMPLATE {quoted(template)}")


def _advance(casino: Casino, state: CasinoState, *, db_name: str | None = None) -> None:
    casino.state, casino.state_detail, casino.db_name = state, "", db_name
    casino.save(update_fields=["state", "state_detail", "db_name"])


def _record_failure(casino: Casino, reason: str) -> None:
    """Keep why. What counts is the state in the catalogue, not the object's: the step that failed may have been the
    saving of it, and the lock is gone, so that another process may have made the casino active meanwhile."""
    unfinished = Casino.objects.filter(pk=casino.pk).exclude(state=CasinoState.ACTIVE)
    # Once creation has begun, a database of this name is ours: the state must go on saying so.
    unfinished.exclude(state=CasinoState.CREATING).update(state=CasinoState.FAILED)
    unfinished.update(state_detail=reason)
    casino.refresh_from_db()
