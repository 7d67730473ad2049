"""Moves a casino to another server. While it moves, requests are answered from the old database, which takes no writes;
from one moment to the next they go to the new one."""

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
    """Copy the casino's database to the server `server` and put it into service there; the old one stays, closed, until
    `prune_casino`. If it fails, the casino goes on where it was. Called again after a crash, it begins anew.

    Writes are refused meanwhile (DatabaseReadOnly), so that none is lost. Raises CasinoBusy, CopyFailed, NoRoom,
    WrongState.
    """
    with casino_lock(casino.pk):
        require_state(casino, *READY_STATES)
        databases.tidy(casino, report)
        if casino.server_id == server:
            _stay(casino, report)  # a former call may have been interrupted just before its end
            return
        target_server = choose_server(server)
        try:
            _move(casino, target_server, report)
        except Exception:
            casino.refresh_from_db()
            databases.tidy(casino, report)
            _stay(casino, report)
            raise


def settle_casino(casino: Casino, *, report: Report = silent) -> None:
    """Give up a move or a restore that was interrupted: the casino is served, and written, where it is now."""
    with casino_lock(casino.pk):
        require_state(casino, *READY_STATES)
        databases.tidy(casino, report)
        _stay(casino, report)


def _stay(casino: Casino, report: Report) -> None:
    """Let the casino be written again where it is."""
    current = databases.current_database(casino)
    report(f"opening {current} for writing")
    databases.unfreeze(current)
    if casino.state == CasinoState.MOVING:
        advance(casino, CasinoState.ACTIVE)


def _move(casino: Casino, server: DatabaseServer, report: Report) -> None:
    source = databases.current_database(casino)
    databases.check_owner(source)
    if casino.state == CasinoState.ACTIVE:
        advance(casino, CasinoState.MOVING, detail=f"to {server}")
    target = databases.plan_database(casino, server)
    report(f"creating the database {target}")
    databases.create_empty(target)
    report(f"closing {source} for writing")
    databases.freeze(source)
    copy_database(source, target, report)
    check_equal(source, target)
    report("writing whose it is")
    databases.claim(target, casino)
    report("putting it into service")
    state = CasinoState.SUSPENDED if casino.state == CasinoState.SUSPENDED else CasinoState.ACTIVE
    databases.put_into_service(target, casino, state, schema_version=casino.schema_version)
    report("waiting for the requests that are under way")
    time.sleep(settings.CASINO_MOVE_GRACE_SECONDS)
    report(f"closing {source}")
    databases.retire(source)
