"""Restores a casino from a backup, or from a retired generation of its database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.db.models import Q

from tenants.databases.locks import casino_lock
from tenants.errors import BackupInvalid, LifecycleError, WrongState
from tenants.models import Casino, CasinoDatabase, CasinoState, DatabaseServer, PrivacyAction, PrivacyRecord
from tenants.models.casino import READY_STATES
from tenants.schema.migrate import migrate_casino

from . import databases
from .backup import DUMP, Backup, read_backup
from .pg_dump import copy_database, load_database
from .placement import choose_server
from .states import Report, require_state, silent


def restore_casino(casino: Casino, folder: Path, *, server: str | None = None, report: Report = silent) -> Backup:
    """Load a backup of this casino into a new generation of its database, and activate that. The old one stays, closed,
    until `prune_casino`. A deleted casino becomes active. Returns the backup.

    Rows stored after the backup are not in the new generation. Raises BackupInvalid, CasinoBusy, CopyFailed,
    WrongState.
    """
    report("checking the backup")
    backup = read_backup(folder)
    _check_owner(backup, casino)
    with casino_lock(casino.pk), _new_generation(casino, server, report) as target:
        load_database(backup.folder / DUMP, target, report)
    return backup


def erased_since(casino: Casino, taken_at: datetime) -> int:
    """The number of users erased after a backup: a restore brings them back until they are erased again. An interrupted
    erasure counts, since it may have erased its users."""
    erased = PrivacyRecord.objects.filter(
        Q(done_at__gte=taken_at) | Q(done_at=None), casino_id=casino.pk, action=PrivacyAction.ERASED
    )
    return erased.values("user_id").distinct().count()


def restore_generation(casino: Casino, generation: int, *, report: Report = silent) -> None:
    """Copy a retired generation of the casino's database into a new one, and activate that."""
    with casino_lock(casino.pk):
        source = casino.databases.filter(generation=generation, generation__lt=casino.generation).first()
        if source is None:
            retired = ", ".join(str(each.generation) for each in retired_databases(casino)) or "none"
            raise LifecycleError(f"{casino} has no retired generation {generation}; retired generations: {retired}.")
        with _new_generation(casino, None, report) as target:
            databases.reopen(source)
            copy_database(source, target, report)


def prune_casino(casino: Casino, *, report: Report = silent) -> list[CasinoDatabase]:
    """Drop the retired generations of the casino's database."""
    with casino_lock(casino.pk):
        retired = retired_databases(casino)
        for database in retired:
            report(f"dropping {database}")
            databases.drop(database)
    return retired


def retired_databases(casino: Casino) -> list[CasinoDatabase]:
    casino.refresh_from_db()
    return list(casino.databases.filter(generation__lt=casino.generation).order_by("generation"))


@contextmanager
def _new_generation(casino: Casino, server: str | None, report: Report) -> Iterator[CasinoDatabase]:
    """Yield an empty database to fill, then activate it. If the block fails, the casino keeps its current database."""
    target = _prepare(casino, server, report)
    try:
        yield target
        _finish(casino, target, report)
    except Exception:
        casino.refresh_from_db()
        databases.clean_up(casino, report)
        raise


def _prepare(casino: Casino, server: str | None, report: Report) -> CasinoDatabase:
    require_state(casino, *READY_STATES, CasinoState.DELETED)
    _require_free_name(casino)
    databases.clean_up(casino, report)
    target = databases.plan_database(casino, _server_for(casino, server))
    report(f"creating the database {target}")
    databases.create_empty(target)
    return target


def _finish(casino: Casino, target: CasinoDatabase, report: Report) -> None:
    report("migrating the database")
    databases.assign(target, casino)
    version = migrate_casino(casino.at(target)).version
    report("activating the database")
    state = CasinoState.SUSPENDED if casino.state == CasinoState.SUSPENDED else CasinoState.ACTIVE
    databases.activate(target, casino, state, schema_version=version)
    report("closing the old database")
    databases.clean_up(casino, report)


def _require_free_name(casino: Casino) -> None:
    """Raises WrongState if another casino has taken a deleted casino's name."""
    other = Casino.objects.living().filter(name=casino.name).exclude(pk=casino.pk).first()
    if other is not None:
        raise WrongState(f"{casino} can't be restored: {other} now has its name. Rename that one first.")


def _server_for(casino: Casino, name: str | None) -> DatabaseServer:
    if name is None and casino.server is not None:
        return casino.server
    return choose_server(name)


def _check_owner(backup: Backup, casino: Casino) -> None:
    manifest = backup.manifest
    if manifest.identity != casino.identity:
        raise BackupInvalid(
            f"{backup.folder} is a backup of {manifest.name} (casino {manifest.casino_id}, {manifest.identity}), "
            f"not of {casino} ({casino.identity})."
        )
