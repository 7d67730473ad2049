"""Moves a casino to another server. During the move, its old database serves reads and rejects writes; then requests
use the new one."""

import time

from django.conf import settings

from tenants.databases.locks import casino_lock
from tenants.models import Casino, CasinoState, DatabaseServer
from tenants.models.casino import READY_STATES

from . import databases
from .pg_dump import check_equal, copy_database
from .placement import choose_server
from .states import Report, advance, require_state, silent


def move_casino(casino: Casino, server: str, *, report: Report = silent) -> None:
    """Copy the casino's database to the server `server` and activate it there; the old one stays, closed, until
    `prune_casino`. If the move fails, the casino stays on its server. A call after a crash starts over.

    Writes raise DatabaseReadOnly during the move, so that none is lost. Raises CasinoBusy, CopyFailed, NoRoom,
    WrongState.
    """
    with casino_lock(casino.pk):
        require_state(casino, *READY_STATES)
        databases.clean_up(casino, report)
        if casino.server_id == server:
            _make_writable(casino, report)  # an earlier call may have been interrupted just before its end
            return
        target_server = choose_server(server)
        try:
            _move(casino, target_server, report)
        except Exception:
            casino.refresh_from_db()
            databases.clean_up(casino, report)
            _make_writable(casino, report)
            raise


def cancel_move(casino: Casino, *, report: Report = silent) -> None:
    """Cancel an interrupted move or restore: the casino stays on its current database, writable."""
    with casino_lock(casino.pk):
        require_state(casino, *READY_STATES)
        databases.clean_up(casino, report)
        _make_writable(casino, report)


def _make_writable(casino: Casino, report: Report) -> None:
    current = databases.current_database(casino)
    report(f"opening {current} for writing")
    databases.unfreeze(current)
    if casino.state == CasinoState.MOVING:
        advance(casino, CasinoState.ACTIVE)


def _move(casino: Casino, server: DatabaseServer, report: Report) -> None:
    source = databases.current_database(casino)
    databases.check_identity(source)
    if casino.state == CasinoState.ACTIVE:
        advance(casino, CasinoState.MOVING, detail=f"to {server}")
    target = databases.plan_database(casino, server)
    report(f"creating the database {target}")
    databases.create_empty(target)
    report(f"closing {source} for writing")
    databases.freeze(source)
    copy_database(source, target, report)
    check_equal(source, target)
    report("writing the identity row")
    databases.assign(target, casino)
    report("activating the database")
    state = CasinoState.SUSPENDED if casino.state == CasinoState.SUSPENDED else CasinoState.ACTIVE
    databases.activate(target, casino, state, schema_version=casino.schema_version)
    report("waiting for running requests")
    time.sleep(settings.CASINO_MOVE_GRACE_SECONDS)
    report(f"closing {source}")
    databases.retire(source)
