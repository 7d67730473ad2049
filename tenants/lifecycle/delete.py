"""Deletes a casino: a last backup, then its databases. Its row stays, so that its id is never reused."""

from pathlib import Path

from django.conf import settings
from django.db import OperationalError

from tenants.databases import roles
from tenants.databases.locks import casino_lock
from tenants.errors import UnknownServer
from tenants.models import Casino, CasinoState, DatabaseServer
from tenants.models.casino import READY_STATES
from tenants.ttl_cache import wait_until_caches_expire

from . import databases
from .backup import Backup, write_backup
from .states import Report, advance, silent


def delete_casino(
    casino: Casino, *, backup: bool = True, folder: Path | None = None, report: Report = silent
) -> Backup | None:
    """Delete the casino and its databases, after a last backup unless `backup` is false.

    If the backup fails, the casino stays in service. A call after a crash finishes the deletion. Does nothing for a
    deleted casino. Raises CasinoBusy, CopyFailed, BackupInvalid.
    """
    with casino_lock(casino.pk):
        casino.refresh_from_db()
        if casino.state == CasinoState.DELETED:
            return None
        before = CasinoState(casino.state)
        report("taking it out of service")
        advance(casino, CasinoState.DELETING, detail=casino.state_detail)
        wait_until_caches_expire()
        last_backup = _back_up(casino, before, folder, report) if backup and casino.db_name else None
        _drop_everything(casino, report)
        advance(casino, CasinoState.DELETED, db_name=None, server=None, schema_version="")
    return last_backup


def _back_up(casino: Casino, before: CasinoState, folder: Path | None, report: Report) -> Backup | None:
    try:
        current = casino.databases.filter(generation=casino.generation).first()
        if current is None or not databases.exists(current):
            return None  # a call that was interrupted after its backup has dropped it
        return write_backup(casino, folder=folder, report=report)
    except BaseException:  # includes Ctrl-C: no database is dropped yet
        if before in READY_STATES:
            advance(casino, before, detail=casino.state_detail)
        raise


def _drop_everything(casino: Casino, report: Report) -> None:
    for database in casino.databases.order_by("-generation"):
        report(f"dropping {database}")
        databases.drop(database)
    if settings.CASINO_ROLES:
        for server in DatabaseServer.objects.order_by("name"):  # each server may have had one of its databases
            _drop_role(server, casino, report)


def _drop_role(server: DatabaseServer, casino: Casino, report: Report) -> None:
    """Drop the casino's role. On an unavailable server the role stays: it gives access to nothing, and must not block
    the deletion."""
    try:
        report(f"dropping its role on {server}")
        roles.drop_role(server.name, casino.pk)
    except (OperationalError, UnknownServer) as error:
        report(f"its role on {server} could not be dropped: {str(error).strip()}")
