"""Checks of a casino or of one of its databases: one function per symptom."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import OperationalError

from tenants.databases.locks import casino_lock, is_backup_running
from tenants.databases.roles import role_name
from tenants.lifecycle import databases
from tenants.lifecycle.backup import INSTALLATION, backups_of, partial_backups
from tenants.lifecycle.create import UNFINISHED, provision
from tenants.lifecycle.delete import delete_casino
from tenants.lifecycle.move import cancel_move
from tenants.lifecycle.states import Report
from tenants.models import Casino, CasinoDatabase, CasinoState
from tenants.models.casino import READY_STATES
from tenants.numbers import parse_id
from tenants.schema.version import is_behind

from .findings import Finding, ServerSnapshot


def half_created(casino: Casino) -> Iterator[Finding]:
    if casino.state in UNFINISHED:
        yield Finding(
            code="half_created",
            problem=f"Creating {casino} was never finished: it is {casino.state}. {casino.state_detail}".strip(),
            advice="Create its database now.",
            casino_id=casino.pk,
            repair=lambda report: provision(casino, report=report),
        )


def half_moved(casino: Casino) -> Iterator[Finding]:
    if casino.state == CasinoState.MOVING:
        yield Finding(
            code="half_moved",
            problem=f"The move of {casino} {casino.state_detail} was interrupted.",
            advice=f"Make it writable on {casino.server_id}, where it is; drop the unfinished copy.",
            casino_id=casino.pk,
            repair=lambda report: cancel_move(casino, report=report),
        )


def half_deleted(casino: Casino) -> Iterator[Finding]:
    if casino.state == CasinoState.DELETING:
        yield Finding(
            code="half_deleted",
            problem=f"The deletion of {casino} was interrupted.",
            advice="Delete it, after a backup if its database is still there.",
            casino_id=casino.pk,
            repair=lambda report: delete_casino(casino, report=report),
        )


def behind(casino: Casino) -> Iterator[Finding]:
    if casino.state in READY_STATES and is_behind(casino.schema_version):
        yield Finding(
            code="behind",
            problem=f"{casino} lacks migrations; its requests get 503.",
            advice="Run `manage.py migrate_casinos`.",
            casino_id=casino.pk,
        )


def half_built(casino: Casino, database: CasinoDatabase, server: ServerSnapshot) -> Iterator[Finding]:
    """The remains of an interrupted restore or move; the casino is in service."""
    is_half_built = database.generation > casino.generation
    if is_half_built and casino.state in (CasinoState.ACTIVE, CasinoState.SUSPENDED):
        yield _of(database, "half_built", f"{database} of {casino} was never finished.", "Drop it.", settle)


def missing(casino: Casino, database: CasinoDatabase, server: ServerSnapshot) -> Iterator[Finding]:
    if database.db_name in server.databases or casino.state not in READY_STATES:
        return
    if database.generation == casino.generation:
        newest = next((str(backup.folder) for backup in backups_of(casino)), "FOLDER, the folder of a backup")
        problem = f"{database}, the current database of {casino}, does not exist."
        yield _of(database, "database_missing", problem, f"Run `manage.py casino restore {casino.pk} {newest}`.")
    elif database.generation < casino.generation:
        problem = f"{database}, a retired database of {casino}, does not exist."
        yield _of(database, "retired_missing", problem, "Delete its row.", forget)


def wrong_identity(casino: Casino, database: CasinoDatabase, server: ServerSnapshot) -> Iterator[Finding]:
    if not _is_current(casino, database, server) or not server.databases[database.db_name].accepts_connections:
        return
    try:
        found = server.identity_of(database.db_name)
    except OperationalError as error:
        yield _of(database, "unreachable", f"{database} of {casino} is unavailable: {error}", "Find the cause.")
        return
    if found is None:
        problem = f"{database} of {casino} has no identity row; it is not used."
        yield _of(database, "no_identity", problem, "Run `manage.py migrate_casinos`, which writes one.")
    elif (found[0], found[2]) != (casino.identity, casino.generation):
        problem = f"{database} of {casino} is generation {found[2]} of casino {found[1]}; it is not used."
        yield _of(database, "wrong_identity", problem, "Put the right database in its place, or restore a backup.")


def frozen(casino: Casino, database: CasinoDatabase, server: ServerSnapshot) -> Iterator[Finding]:
    is_current = _is_current(casino, database, server) and casino.state != CasinoState.MOVING
    if is_current and server.databases[database.db_name].is_frozen:
        problem = f"{database} of {casino} is read-only."
        yield _of(database, "frozen", problem, "Make it writable.", settle)


def closed(casino: Casino, database: CasinoDatabase, server: ServerSnapshot) -> Iterator[Finding]:
    if _is_current(casino, database, server) and not server.databases[database.db_name].accepts_connections:
        problem = f"{database}, the current database of {casino}, refuses connections."
        yield _of(database, "closed", problem, "Accept connections again.", open_again)


def retired_open(casino: Casino, database: CasinoDatabase, server: ServerSnapshot) -> Iterator[Finding]:
    facts = server.databases.get(database.db_name)
    if facts is not None and database.generation < casino.generation and facts.accepts_connections:
        problem = f"{database}, a retired database of {casino}, still accepts connections."
        yield _of(database, "retired_open", problem, "Close it.", close)


def open_to_public(casino: Casino, database: CasinoDatabase, server: ServerSnapshot) -> Iterator[Finding]:
    has_own_role = settings.CASINO_ROLES and _is_current(casino, database, server)
    if has_own_role and server.databases[database.db_name].is_open_to_public:
        problem = f"{database} accepts every role of its server, though each casino has its own."
        yield _of(database, "open_to_public", problem, f"Accept {casino}'s role only.", close_to_others)


def other_role_limit(casino: Casino, database: CasinoDatabase, server: ServerSnapshot) -> Iterator[Finding]:
    limit = server.role_limits.get(role_name(casino.pk))
    has_own_role = settings.CASINO_ROLES and limit is not None and _is_current(casino, database, server)
    if has_own_role and limit != settings.CASINO_ROLE_CONNECTIONS:
        allowed = "any number of" if limit == -1 else limit
        problem = f"{casino}'s role may have {allowed} connections to {database.server_id}."
        advice = f"Allow it {settings.CASINO_ROLE_CONNECTIONS} (CASINO_ROLE_CONNECTIONS)."
        yield _of(database, "other_role_limit", problem, advice, close_to_others)


def partial_backup_findings(busy: set[int]) -> Iterator[Finding]:
    for folder in partial_backups():
        owner = parse_id(folder.parent.name)
        if owner not in busy and not (folder.parent.name == INSTALLATION and is_backup_running()):
            yield Finding(
                code="partial_backup",
                problem=f"The backup {folder} is incomplete.",
                advice="Remove it.",
                casino_id=owner,
                repair=partial(_remove, folder),
            )


CASINO_SYMPTOMS: tuple[Callable[[Casino], Iterator[Finding]], ...] = (half_created, half_moved, half_deleted, behind)
DATABASE_SYMPTOMS: tuple[Callable[[Casino, CasinoDatabase, ServerSnapshot], Iterator[Finding]], ...] = (
    half_built,
    missing,
    wrong_identity,
    frozen,
    closed,
    retired_open,
    open_to_public,
    other_role_limit,
)

Repair = Callable[[Casino, CasinoDatabase, Report], object]


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


def _of(database: CasinoDatabase, code: str, problem: str, advice: str, repair: Repair | None = None) -> Finding:
    return Finding(
        code=code,
        problem=problem,
        advice=advice,
        casino_id=database.casino_id,
        server=database.server_id,
        database=database.db_name,
        repair=partial(repair, database.casino, database) if repair else None,
    )


def _is_current(casino: Casino, database: CasinoDatabase, server: ServerSnapshot) -> bool:
    is_current = database.generation == casino.generation and casino.state in READY_STATES
    return is_current and database.db_name in server.databases


def _remove(folder: Path, report: Report) -> None:
    with suppress(FileNotFoundError):  # the repair of the casino's deletion removes it too
        shutil.rmtree(folder)
