"""Restores a whole installation onto empty servers from its backup.

A comment marks the catalogue's database from before it is filled until every casino is restored: the next call
continues an interrupted restore, and never touches a catalogue in use. Casinos whose databases survived on their
servers are kept unchanged.
"""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import msgspec
from django.db import DatabaseError, OperationalError, connections
from django.db.backends.utils import CursorWrapper

from tenants.databases.catalogue import ensure_catalogue
from tenants.databases.locks import restore_lock
from tenants.databases.servers import database_exists, quoted, server_cursor
from tenants.errors import InstallationInUse, TenancyError, UnknownServer
from tenants.lifecycle import databases
from tenants.lifecycle.pg_dump import load_database
from tenants.lifecycle.restore import erased_since, restore_casino
from tenants.lifecycle.states import Report, silent
from tenants.models import Casino

from .backup import CATALOGUE_DUMP, InstallationBackup, catalogue, read_installation_backup

_MARK = "restoring the backup of "  # followed by its time


class Outcome(StrEnum):
    RESTORED = "restored"
    KEPT = "kept"  # its database is in place
    FAILED = "failed"


class CasinoRestore(msgspec.Struct, frozen=True, kw_only=True):
    """The result of restoring one casino. `erased_since`: the number of users in the restored database who were erased
    after the backup."""

    casino_id: int
    name: str
    outcome: Outcome
    problem: str = ""
    erased_since: int = 0


def restore_installation(folder: Path, *, server: str | None = None, report: Report = silent) -> list[CasinoRestore]:
    """Restore the catalogue into the configured database, which must be empty, and then every casino on its former
    server. A casino that fails does not stop the others; the next call continues with the casinos that are left.

    `server`: restore all casinos on this server; their databases on unavailable servers count as lost. Raises
    BackupInvalid, CasinoBusy, CopyFailed, InstallationInUse.
    """
    report("checking the backup")
    backup = read_installation_backup(folder)
    with restore_lock() as cursor:
        _restore_catalogue(cursor, backup, report)
        restored = list(_restore_casinos(backup, server, report))
        if all(each.outcome != Outcome.FAILED for each in restored):
            _mark(cursor, None)
    return restored


def is_restore_unfinished() -> bool:
    """Whether the restore of the catalogue was interrupted, or a casino failed in it."""
    with server_cursor() as cursor:
        return _marked(cursor) is not None


def _restore_catalogue(cursor: CursorWrapper, backup: InstallationBackup, report: Report) -> None:
    """`cursor` is in the database `postgres`."""
    name = catalogue().db_name
    tables = _tables() if database_exists(cursor, name) else None
    if tables and _has_rows(tables):
        if _marked(cursor) != _time_of(backup):
            raise _in_use_error(name, _marked(cursor))
        report(f"continuing the restore of {name}")
    else:
        _load_catalogue(cursor, name, backup, report, is_replacing=bool(tables))
    ensure_catalogue()


def _load_catalogue(
    cursor: CursorWrapper, name: str, backup: InstallationBackup, report: Report, *, is_replacing: bool
) -> None:
    connections["default"].close()
    if is_replacing:  # made by `create_catalogue`, without a row that anybody needs
        cursor.execute(f"DROP DATABASE {quoted(name)} WITH (FORCE)")
    if not database_exists(cursor, name):
        report(f"creating the database {name}")
        cursor.execute(f"CREATE DATABASE {quoted(name)}")
    _mark(cursor, _time_of(backup))
    load_database(backup.folder / CATALOGUE_DUMP, catalogue(), report)


def _tables() -> set[str]:
    with server_cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {table for (table,) in cursor.fetchall()}


def _has_rows(tables: set[str]) -> bool:
    """Whether this database is in use: it has casinos or logins, or tables of another kind."""
    ours = {"casinos", "auth_user"}
    if not ours <= tables:
        return True
    with server_cursor() as cursor:
        cursor.execute("SELECT EXISTS (TABLE casinos) OR EXISTS (TABLE auth_user)")
        return bool(cursor.fetchone()[0])


def _in_use_error(name: str, marked: str | None) -> InstallationInUse:
    if marked is not None:
        return InstallationInUse(
            f"{name} is being restored from another backup, of {marked}; finish that restore, or drop the database."
        )
    return InstallationInUse(
        f"The database {name} is not empty; a whole installation is restored into an empty one only. Restore a single "
        "casino with `casino restore ID FOLDER`, FOLDER being casinos/ID in the backup."
    )


def _time_of(backup: InstallationBackup) -> str:
    return backup.manifest.taken_at.isoformat()


def _mark(cursor: CursorWrapper, time: str | None) -> None:
    comment = "NULL" if time is None else f"'{_MARK}{time}'"
    cursor.execute(f"COMMENT ON DATABASE {quoted(catalogue().db_name)} IS {comment}")


def _marked(cursor: CursorWrapper) -> str | None:
    """The backup's time in the mark, or None."""
    cursor.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [catalogue().db_name]
    )
    [comment] = cursor.fetchone()
    return str(comment).removeprefix(_MARK) if comment and comment.startswith(_MARK) else None


def _restore_casinos(backup: InstallationBackup, server: str | None, report: Report) -> Iterator[CasinoRestore]:
    problems = {entry.casino_id: entry.problem for entry in backup.manifest.missing}
    for casino in Casino.objects.ready().order_by("id"):
        try:
            yield _restore_casino(casino, backup, server, report)
        except (TenancyError, DatabaseError, OSError) as error:
            problem = " ".join(str(error).split())
            if casino.pk in problems:
                problem = f"it is not in the backup: {problems[casino.pk]}"
            report(f"{casino} is not restored: {problem}")
            yield CasinoRestore(casino_id=casino.pk, name=casino.name, outcome=Outcome.FAILED, problem=problem)


def _restore_casino(casino: Casino, backup: InstallationBackup, server: str | None, report: Report) -> CasinoRestore:
    _forget_missing(casino, server)
    current = casino.databases.filter(generation=casino.generation).first()
    if current is not None:
        databases.check_identity(current)
        return CasinoRestore(casino_id=casino.pk, name=casino.name, outcome=Outcome.KEPT)
    report(f"restoring {casino}")
    restored = restore_casino(casino, backup.folder_of(casino.pk), server=server, report=report)
    erased = erased_since(casino, restored.manifest.taken_at)
    return CasinoRestore(casino_id=casino.pk, name=casino.name, outcome=Outcome.RESTORED, erased_since=erased)


def _forget_missing(casino: Casino, server: str | None) -> None:
    """Delete the rows of the casino's databases that do not exist. If `server` replaces lost servers, also delete those
    on unavailable servers."""
    for database in casino.databases.all():
        try:
            is_there = databases.exists(database)
        except (OperationalError, UnknownServer):
            if server is None:
                raise
            is_there = False
        if not is_there:
            database.delete()
