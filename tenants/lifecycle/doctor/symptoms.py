"""What can be wrong with a casino or one of its databases, one function a symptom."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import OperationalError

from tenants.databases.locks import casino_lock
from tenants.lifecycle import databases
from tenants.lifecycle.backup import backups_of, partial_backups
from tenants.lifecycle.create import UNFINISHED, provision
from tenants.lifecycle.delete import delete_casino
from tenants.lifecycle.move import cancel_move
from tenants.lifecycle.states import Report
from tenants.models import Casino, CasinoDatabase, CasinoState
from tenants.models.casino import READY_STATES
from tenants.schema.version import is_behind

from .findings import Finding, Server


def half_created(casino: Casino) -> Iterator[Finding]:
    if casino.state in UNFINISHED:
        yield Finding(
            code="half_created",
            what=f"{casino} was never finished: it is {casino.state}. {casino.state_detail}".strip(),
            mend="Create its database now.",
            casino_id=casino.pk,
            remedy=lambda report: provision(casino, report=report),
        )


def half_moved(casino: Casino) -> Iterator[Finding]:
    if casino.state == CasinoState.MOVING:
        yield Finding(
            code="half_moved",
            what=f"{casino} was being moved {casino.state_detail}, and nobody is at it any more.",
            mend=f"Let it be written again where it is, on {casino.server_id}; what was copied is dropped.",
            casino_id=casino.pk,
            remedy=lambda report: cancel_move(casino, report=report),
        )


def half_deleted(casino: Casino) -> Iterator[Finding]:
    if casino.state == CasinoState.DELETING:
        yield Finding(
            code="half_deleted",
            what=f"{casino} was being deleted, and nobody is at it any more.",
            mend="Delete it, after a backup if its database is still there.",
            casino_id=casino.pk,
            remedy=lambda report: delete_casino(casino, report=report),
        )


def behind(casino: Casino) -> Iterator[Finding]:
    if casino.state in READY_STATES and is_behind(casino.schema_version):
        yield Finding(
            code="behind",
            what=f"{casino} lacks migrations, so that its requests are answered 503.",
            mend="Run `manage.py migrate_casinos`.",
            casino_id=casino.pk,
        )


def half_built(casino: Casino, database: CasinoDatabase, server: Server) -> Iterator[Finding]:
    """What a restore or a move left; the casino itself serves."""
    is_half_built = database.generation > casino.generation
    if is_half_built and casino.state in (CasinoState.ACTIVE, CasinoState.SUSPENDED):
        yield _of(database, "half_built", f"{database} of {casino} was never finished.", "Drop it.", settle)


def missing(casino: Casino, database: CasinoDatabase, server: Server) -> Iterator[Finding]:
    if database.db_name in server.databases or casino.state not in READY_STATES:
        return
    if database.generation == casino.generation:
        newest = next((str(backup.folder) for backup in backups_of(casino)), "FOLDER, from wherever its backups are")
        what = f"{database}, which {casino} is served from, does not exist."
        yield _of(database, "database_missing", what, f"Run `manage.py casino restore {casino.pk} {newest}`.")
    elif database.generation < casino.generation:
        what = f"{database}, a retired database of {casino}, does not exist any more."
        yield _of(database, "retired_missing", what, "Forget it.", forget)


def wrong_identity(casino: Casino, database: CasinoDatabase, server: Server) -> Iterator[Finding]:
    if not _is_current(casino, database, server) or not server.databases[database.db_name].accepts_connections:
        return
    try:
        found = server.identity_of(database.db_name)
    except OperationalError as error:
        yield _of(database, "unreachable", f"{database} of {casino} can't be entered: {error}", "See what keeps it.")
        return
    if found is None:
        what = f"{database} of {casino} does not say whose it is, so that it does not serve."
        yield _of(database, "no_identity", what, "Run `manage.py migrate_casinos`, which writes it.")
    elif (found[0], found[2]) != (casino.identity, casino.generation):
        what = f"{database}, named as {casino}'s, is generation {found[2]} of casino {found[1]}; it does not serve."
        yield _of(database, "wrong_identity", what, "Put the right database in its place, or restore a backup.")


def frozen(casino: Casino, database: CasinoDatabase, server: Server) -> Iterator[Finding]:
    is_served = _is_current(casino, database, server) and casino.state != CasinoState.MOVING
    if is_served and server.databases[database.db_name].is_frozen:
        what = f"{database} of {casino} takes no writes."
        yield _of(database, "frozen", what, "Let it be written again.", settle)


def closed(casino: Casino, database: CasinoDatabase, server: Server) -> Iterator[Finding]:
    if _is_current(casino, database, server) and not server.databases[database.db_name].accepts_connections:
        what = f"{database}, which {casino} is served from, lets nobody in."
        yield _of(database, "closed", what, "Open it.", open_again)


def retired_open(casino: Casino, database: CasinoDatabase, server: Server) -> Iterator[Finding]:
    facts = server.databases.get(database.db_name)
    if facts is not None and database.generation < casino.generation and facts.accepts_connections:
        what = f"{database}, a retired database of {casino}, still lets everybody in."
        yield _of(database, "retired_open", what, "Close it.", close)


def open_to_public(casino: Casino, database: CasinoDatabase, server: Server) -> Iterator[Finding]:
    has_own_role = settings.CASINO_ROLES and _is_current(casino, database, server)
    if has_own_role and server.databases[database.db_name].is_open_to_public:
        what = f"{database} lets every role of its server in, though each casino is to have its own."
        yield _of(database, "open_to_public", what, f"Let in {casino}'s role alone.", close_to_others)


def partial_backup_findings(busy: set[int]) -> Iterator[Finding]:
    for folder in partial_backups():
        owner = int(folder.parent.name) if folder.parent.name.isdecimal() else None
        if owner not in busy:
            yield Finding(
                code="partial_backup",
                what=f"The backup {folder} was never finished.",
                mend="Remove it.",
                casino_id=owner,
                remedy=partial(_remove, folder),
            )


CASINO_SYMPTOMS: tuple[Callable[[Casino], Iterator[Finding]], ...] = (half_created, half_moved, half_deleted, behind)
DATABASE_SYMPTOMS: tuple[Callable[[Casino, CasinoDatabase, Server], Iterator[Finding]], ...] = (
    half_built,
    missing,
    wrong_identity,
    frozen,
    closed,
    retired_open,
    open_to_public,
)

Remedy = Callable[[Casino, CasinoDatabase, Report], object]


def settle(casino: Casino, database: CasinoDatabase, report: Report) -> None:
    cancel_move(casino, report=report)


def forget(casino: Casino, database: CasinoDatabase, report: Report) -> None:
    with casino_lock(casino.pk):
        database.delete()


def open_again(casino: Casino, database: CasinoDatabase, report: Report) -> None:
    databases.reopen(database)


def close(casino: Casino, database: CasinoDatabase, report: Report) -> None:
    databases.retire(database)


def close_to_others(casino: Casino, database: CasinoDatabase, report: Report) -> None:
    with casino_lock(casino.pk):
        databases.assign(database, casino)


def _of(database: CasinoDatabase, code: str, what: str, mend: str, remedy: Remedy | None = None) -> Finding:
    return Finding(
        code=code,
        what=what,
        mend=mend,
        casino_id=database.casino_id,
        server=database.server_id,
        database=database.db_name,
        remedy=partial(remedy, database.casino, database) if remedy else None,
    )


def _is_current(casino: Casino, database: CasinoDatabase, server: Server) -> bool:
    is_current = database.generation == casino.generation and casino.state in READY_STATES
    return is_current and database.db_name in server.databases


def _remove(folder: Path, report: Report) -> None:
    with suppress(FileNotFoundError):  # finishing the deletion that it was for removes it too
        shutil.rmtree(folder)
