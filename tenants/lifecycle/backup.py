"""Backs a casino up into a folder: `database.dump` (pg_dump's custom format) and `manifest.json`, its description and
checksum."""

import hashlib
import logging
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import UUID

import msgspec
from django.conf import settings
from django.utils import timezone

from tenants.databases.locks import casino_lock
from tenants.databases.servers import server_cursor
from tenants.errors import BackupInvalid
from tenants.models import Casino, CasinoDatabase, CasinoState
from tenants.models.casino import READY_STATES
from tenants.schema.migrate import migrations_in

from .databases import check_identity, current_database
from .files import PARTIAL, new_file, new_folder, remove_partial
from .pg_dump import dump_database
from .states import Report, require_state, silent

logger = logging.getLogger(__name__)

MANIFEST, DUMP = "manifest.json", "database.dump"
INSTALLATION = "installation"  # the folder below BACKUP_DIR for backups of all casinos with the catalogue
CASINOS = "casinos"  # the folder in such a backup with a folder per casino
_CONTENT = frozenset({MANIFEST, DUMP})
_FORMAT = 1


class _HasFormat(Protocol):
    @property
    def format(self) -> int: ...


M = TypeVar("M", bound=_HasFormat)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Describes a backup. `size` (bytes) and `sha256` are the dump's."""

    format: int
    casino_id: int
    identity: UUID
    name: str
    generation: int
    taken_at: datetime
    server_version: str
    migrations: list[str]
    recommender_type: str | None
    recommendation_schema: Any
    timestamp: datetime | None
    size: int
    sha256: str
    options: Any = None


class Backup(msgspec.Struct, frozen=True):
    """A complete backup: its folder, and its manifest."""

    folder: Path
    manifest: Manifest


def back_up(casino: Casino, *, folder: Path | None = None, report: Report = silent) -> Backup:
    """Write a backup into the new folder `folder`, by default one named after the time, below `BACKUP_DIR`. The casino
    stays in service. A killed call leaves a folder whose name ends in `.partial`. Raises BackupInvalid, CasinoBusy,
    CopyFailed."""
    with casino_lock(casino.pk):
        require_state(casino, *READY_STATES, CasinoState.DELETING)
        return write_backup(casino, folder=folder, report=report)


def write_backup(casino: Casino, *, folder: Path | None = None, report: Report = silent) -> Backup:
    """`back_up` for a caller that holds the casino's lock."""
    target = folder or default_folder(casino)
    database = current_database(casino)
    check_identity(database)
    for leftover in _folder_of(casino).glob(f"*{PARTIAL}"):  # left by killed calls
        remove_partial(leftover, content=_CONTENT)
    with new_folder(target, content=_CONTENT) as partial:
        taken_at = timezone.now()
        dump_database(database, partial / DUMP, report)
        report("writing the manifest")
        manifest = _describe(casino, database, partial / DUMP, taken_at)
        write_manifest(partial, manifest)
    return Backup(target, manifest)


def read_backup(folder: Path, *, verify: bool = True) -> Backup:
    """The backup in a folder. Raises BackupInvalid if it is incomplete, damaged, or of a newer format."""
    manifest = read_manifest(folder, Manifest, _FORMAT, "a backup")
    if verify:
        check_dump(folder / DUMP, manifest.sha256)
    return Backup(folder, manifest)


def read_manifest(folder: Path, manifest_type: type[M], known_format: int, what: str) -> M:
    """The manifest in the folder of a backup; `what` names the kind of backup in errors. Raises BackupInvalid if the
    manifest is damaged, or of another format."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=manifest_type)
    except (OSError, msgspec.DecodeError) as error:
        raise BackupInvalid(f"{folder} is not {what}: {error}.") from error
    if manifest.format != known_format:
        raise BackupInvalid(
            f"{folder} is a backup of format {manifest.format}; this release reads format {known_format}."
        )
    return manifest


def backups_of(casino: Casino) -> list[Backup]:
    """The casino's complete backups below `BACKUP_DIR`, the newest first, without reading their dumps. An unreadable
    backup is left out, and a warning logged."""
    manifests = [
        *_folder_of(casino).glob(f"*/{MANIFEST}"),
        *(settings.BACKUP_DIR / INSTALLATION).glob(f"*/{CASINOS}/{casino.pk}/{MANIFEST}"),
    ]
    found = filter(None, (_read_or_warn(path.parent) for path in manifests if not is_partial(path)))
    return sorted(found, key=lambda backup: (backup.manifest.taken_at, backup.folder), reverse=True)


def _read_or_warn(folder: Path) -> Backup | None:
    try:
        return read_backup(folder, verify=False)
    except BackupInvalid as error:
        logger.warning("%s", error)
        return None


def partial_backups() -> list[Path]:
    """Folders of incomplete backups below `BACKUP_DIR`."""
    return sorted(settings.BACKUP_DIR.glob(f"*/*{PARTIAL}"))


def is_partial(path: Path) -> bool:
    """Whether a path below `BACKUP_DIR` belongs to an incomplete backup."""
    return any(part.endswith(PARTIAL) for part in path.relative_to(settings.BACKUP_DIR).parts)


def default_folder(casino: Casino) -> Path:
    return _folder_of(casino) / folder_name()


def folder_name() -> str:
    """A folder name from the current time; the names sort by time."""
    return f"{timezone.now():%Y%m%dT%H%M%S_%fZ}"


def _folder_of(casino: Casino) -> Path:
    folder: Path = settings.BACKUP_DIR / str(casino.pk)
    return folder


def _describe(casino: Casino, database: CasinoDatabase, dump: Path, taken_at: datetime) -> Manifest:
    with server_cursor(database.db_name, server=database.server_id) as cursor:
        cursor.execute("SHOW server_version")
        [server_version] = cursor.fetchone()
        migrations = migrations_in(cursor)
    return Manifest(
        format=_FORMAT,
        casino_id=casino.pk,
        identity=casino.identity,
        name=casino.name,
        generation=database.generation,
        taken_at=taken_at,
        server_version=server_version,
        migrations=[f"{app}.{name}" for app, name in migrations],
        recommender_type=casino.recommender_type,
        recommendation_schema=casino.recommendation_schema,
        timestamp=casino.timestamp,
        size=dump.stat().st_size,
        sha256=sha256_of(dump),
        options=casino.options,
    )


def write_manifest(folder: Path, manifest: msgspec.Struct) -> None:
    with new_file(folder / MANIFEST) as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)))


def check_dump(dump: Path, expected: str) -> None:
    """Raises BackupInvalid unless the file has this SHA-256."""
    if not dump.is_file() or sha256_of(dump) != expected:
        raise BackupInvalid(f"{dump} is damaged: its checksum is not the one in {MANIFEST}.")


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
