"""Creates casinos: a row of the catalogue, and a database copied from the migrated template."""

from collections.abc import Iterable

from django.db import DatabaseError

from tenants.databases.locks import casino_lock, catalogue_lock
from tenants.errors import CasinoBusy, LifecycleError, NoRoom, ProvisioningFailed, UnknownServer
from tenants.models import Casino, CasinoDatabase, CasinoState
from tenants.models.casino import READY_STATES
from tenants.schema.migrate import migrate_casino
from tenants.schema.version import is_behind, migrations_on_disk, record_version

from . import databases
from .pg_dump import copy_database
from .placement import choose_server
from .states import Report, advance, require_state, silent

UNFINISHED = (CasinoState.REQUESTED, CasinoState.CREATING, CasinoState.FAILED)


def store_casinos(names: Iterable[str]) -> list[Casino]:
    """The casinos with these names, in order. Creates new casinos, finishes unfinished ones, and migrates those that
    are behind."""
    return [_store_casino(name) for name in names]


def create_casino(name: str, *, server: str | None = None, report: Report = silent) -> Casino:
    """Create a casino with an empty database, on the named server or on one with room.

    Raises IntegrityError if the name is taken, ProvisioningFailed if the database can't be created; the row then stays,
    with the reason, and `provision` can be called again.
    """
    casino = Casino.objects.create(name=name)
    provision(casino, server=server, report=report)
    return casino


def provision(casino: Casino, *, server: str | None = None, report: Report = silent) -> None:
    """Create an unfinished casino's database, empty or as a clone, and make the casino active. Does nothing for a
    complete casino. Raises CasinoBusy, ProvisioningFailed."""
    try:
        with casino_lock(casino.pk):
            casino.refresh_from_db()
            if casino.state not in READY_STATES:
                require_state(casino, *UNFINISHED)
                _create(casino, server, report)
    except CasinoBusy:
        raise
    except (DatabaseError, LifecycleError, NoRoom, UnknownServer) as error:
        _record_failure(casino, str(error).strip())
        raise ProvisioningFailed(f"Creating the database of {casino} failed: {error}") from error


def _store_casino(name: str) -> Casino:
    casino, _ = Casino.objects.living().get_or_create(name=name)
    provision(casino)
    if is_behind(casino.schema_version):
        with casino_lock(casino.pk):
            casino.schema_version = migrate_casino(casino.current).version
            casino.save(update_fields=["schema_version"])
    return casino


def _create(casino: Casino, server: str | None, report: Report) -> None:
    report("choosing a server")
    database = _started(casino, server) or _place(casino, server)
    advance(casino, CasinoState.CREATING)
    report(f"creating the database {database}")
    if casino.copied_from is None:
        databases.create_from_template(database)
        version = record_version(migrations_on_disk())
    else:
        databases.create_empty(database)
        require_state(casino.copied_from, *READY_STATES)
        source = databases.current_database(casino.copied_from)
        databases.check_identity(source)
        copy_database(source, database, report)
        version = casino.copied_from.schema_version
    report("writing the identity row")
    databases.assign(database, casino)
    report("activating the database")
    databases.activate(database, casino, CasinoState.ACTIVE, schema_version=version)


def _started(casino: Casino, server: str | None) -> CasinoDatabase | None:
    """The database that an interrupted call started, unless it is on another server than `server`."""
    started = casino.databases.filter(generation__gt=casino.generation).order_by("-generation").first()
    return started if started is not None and server in (None, started.server_id) else None


def _place(casino: Casino, server: str | None) -> CasinoDatabase:
    with catalogue_lock():  # else two casinos could take the last place of a server
        return databases.plan_database(casino, choose_server(server))


def _record_failure(casino: Casino, reason: str) -> None:
    """Record the failure unless the catalogue has another state now: the lock is released, and another process may have
    activated the casino."""
    unfinished = Casino.objects.filter(pk=casino.pk, state__in=UNFINISHED)
    unfinished.update(state=CasinoState.FAILED, state_detail=reason)
    casino.refresh_from_db()
