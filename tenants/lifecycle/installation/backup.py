"""Backs up the catalogue and every casino into one folder: `catalogue.dump`, `manifest.json`, and in `casinos/` each
casino's own backup, from which the casino can also be restored alone."""

import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connections
from django.utils import timezone

from tenants.current_casino import MAIN
from tenants.databases.locks import backup_lock
from tenants.databases.servers import server_cursor
from tenants.errors import BackupInvalid, TenancyError
from tenants.lifecycle.backup import (
    CASINOS,
    INSTALLATION,
    MANIFEST,
    back_up,
    check_dump,
    folder_name,
    is_partial,
    read_manifest,
    sha256_of,
    write_manifest,
)
from tenants.lifecycle.files import PARTIAL, make_private_folder, new_folder, remove_partial
from tenants.lifecycle.pg_dump import dump_database
from tenants.lifecycle.states import Report, silent
from tenants.models import Casino, CasinoDatabase, RateBucket

logger = logging.getLogger(__name__)

CATALOGUE_DUMP = "catalogue.dump"
_CONTENT = frozenset({MANIFEST, CATALOGUE_DUMP, CASINOS})
_FORMAT = 1
# Staff log in again, and rate limits begin with full buckets.
_WITHOUT_ROWS = (Session._meta.db_table, RateBucket._meta.db_table)


class CasinoEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A casino in a backup of the installation. `problem`: the reason why its database is missing there; empty if it is
    not."""

    casino_id: int
    name: str
    problem: str = ""


class InstallationManifest(msgspec.Struct, frozen=True, kw_only=True):
    """Describes a backup of the installation. `size` (bytes) and `sha256` are the catalogue's dump's."""

    format: int
    taken_at: datetime
    is_complete: bool
    server_version: str
    size: int
    sha256: str
    casinos: list[CasinoEntry]

    @property
    def missing(self) -> list[CasinoEntry]:
        return [entry for entry in self.casinos if entry.problem]


class InstallationBackup(msgspec.Struct, frozen=True):
    folder: Path
    manifest: InstallationManifest

    def folder_of(self, casino_id: int) -> Path:
        return self.folder / CASINOS / str(casino_id)


def back_up_installation(*, folder: Path | None = None, report: Report = silent) -> InstallationBackup:
    """Write a backup of everything into the new folder `folder`, by default below `BACKUP_DIR`; all casinos stay in
    service. A casino that can't be backed up does not stop the others: the manifest has the reason, and `is_complete`
    is false. Raises BackupInvalid, CasinoBusy, CopyFailed.

    The catalogue comes last: it then has every user who was erased since a casino's dump, and each key that was revoked
    before the end is revoked in it.
    """
    with backup_lock():
        parent = settings.BACKUP_DIR / INSTALLATION
        for leftover in parent.glob(f"*{PARTIAL}"):  # left by killed calls
            remove_partial(leftover, content=_CONTENT)
        target = folder or parent / folder_name()
        with new_folder(target, content=_CONTENT) as partial:
            make_private_folder(partial / CASINOS)
            entries = list(_back_up_casinos(partial / CASINOS, report))
            taken_at = timezone.now()
            dump_database(catalogue(), partial / CATALOGUE_DUMP, report, without_rows_of=_WITHOUT_ROWS)
            report("writing the manifest")
            manifest = _describe(partial / CATALOGUE_DUMP, taken_at, entries)
            write_manifest(partial, manifest)
    return InstallationBackup(target, manifest)


def read_installation_backup(folder: Path, *, verify: bool = True) -> InstallationBackup:
    """The backup in a folder; `verify` reads the catalogue's dump. Raises BackupInvalid if it is damaged, or of a newer
    format."""
    manifest = read_manifest(folder, InstallationManifest, _FORMAT, "a backup of the whole installation")
    if verify:
        check_dump(folder / CATALOGUE_DUMP, manifest.sha256)
    return InstallationBackup(folder, manifest)


def installation_backups() -> list[InstallationBackup]:
    """The backups below `BACKUP_DIR`, the newest first. An unreadable one is left out, and a warning logged."""
    manifests = (settings.BACKUP_DIR / INSTALLATION).glob(f"*/{MANIFEST}")
    found = filter(None, (_read_or_warn(path.parent) for path in manifests if not is_partial(path)))
    return sorted(found, key=lambda backup: (backup.manifest.taken_at, backup.folder), reverse=True)


def catalogue() -> CasinoDatabase:
    """The catalogue's database, as pg_dump needs it."""
    return CasinoDatabase(server_id=MAIN, db_name=connections["default"].settings_dict["NAME"])


def _back_up_casinos(folder: Path, report: Report) -> Iterator[CasinoEntry]:
    done: set[int] = set()
    while waiting := list(Casino.objects.ready().exclude(pk__in=done).order_by("id")):  # new ones too
        for casino in waiting:
            done.add(casino.pk)
            problem = _problem_of(casino, folder, report)
            if problem is not None:
                yield CasinoEntry(casino_id=casino.pk, name=casino.name, problem=problem)


def _problem_of(casino: Casino, folder: Path, report: Report) -> str | None:
    """Back up the casino. Returns the error, an empty text if there was none, or None if the casino was deleted
    meanwhile."""
    try:
        back_up(casino, folder=folder / str(casino.pk), report=report)
    except (TenancyError, DatabaseError, OSError) as error:
        if not Casino.objects.ready().filter(pk=casino.pk).exists():
            return None
        report(f"{casino} is not backed up: {str(error).strip()}")
        return " ".join(str(error).split()) or type(error).__name__
    return ""


def _describe(dump: Path, taken_at: datetime, entries: list[CasinoEntry]) -> InstallationManifest:
    with server_cursor() as cursor:
        cursor.execute("SHOW server_version")
        [server_version] = cursor.fetchone()
    return InstallationManifest(
        format=_FORMAT,
        taken_at=taken_at,
        is_complete=not any(entry.problem for entry in entries),
        server_version=server_version,
        size=dump.stat().st_size,
        sha256=sha256_of(dump),
        casinos=entries,
    )


def _read_or_warn(folder: Path) -> InstallationBackup | None:
    try:
        return read_installation_backup(folder, verify=False)
    except BackupInvalid as error:
        logger.warning("%s", error)
        return None
