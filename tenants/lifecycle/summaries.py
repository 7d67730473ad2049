"""Summaries and descriptions of casinos, for the commands and the admin."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from django.db import DatabaseError

from tenants.databases.servers import server_cursor
from tenants.errors import UnknownServer
from tenants.models import Casino, CasinoDatabase
from tenants.models.casino import READY_STATES
from tenants.schema.version import is_behind

from .backup import Backup, backups_of
from .restore import retired_databases


class CasinoSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A casino in a list. `generation` is 0, and `is_behind` null, while it has no database."""

    id: int
    name: str
    state: str
    detail: str
    server: str | None
    generation: int
    is_behind: bool | None
    is_configured: bool


class RetiredDatabase(msgspec.Struct, frozen=True, kw_only=True):
    generation: int
    server: str
    database: str
    created_at: datetime


class BackupSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A backup in a list. `size` is the dump's, in bytes."""

    folder: Path
    generation: int
    taken_at: datetime
    size: int
    sha256: str


class CasinoDescription(CasinoSummary, frozen=True, kw_only=True):
    """A casino's details. `size` is the database's, in bytes; null if there is none or its server is unavailable."""

    identity: UUID
    database: str | None
    schema_version: str
    recommender_type: str | None
    recommendation_schema: Any
    options: Any
    configured_at: datetime | None
    created_at: datetime
    copied_from: int | None
    size: int | None
    backups: list[BackupSummary]
    retired: list[RetiredDatabase]


def summarise(casino: Casino) -> CasinoSummary:
    return CasinoSummary(**_summary(casino))


def describe(casino: Casino) -> CasinoDescription:
    return CasinoDescription(
        **_summary(casino),
        identity=casino.identity,
        database=casino.db_name,
        schema_version=casino.schema_version,
        recommender_type=casino.recommender_type,
        recommendation_schema=casino.recommendation_schema,
        options=casino.options,
        configured_at=casino.timestamp,
        created_at=casino.created_at,
        copied_from=casino.copied_from_id,
        size=size_of(casino),
        backups=[summarise_backup(backup) for backup in backups_of(casino)],
        retired=[_retired(database) for database in retired_databases(casino)],
    )


def summarise_backup(backup: Backup) -> BackupSummary:
    manifest = backup.manifest
    return BackupSummary(
        folder=backup.folder,
        generation=manifest.generation,
        taken_at=manifest.taken_at,
        size=manifest.size,
        sha256=manifest.sha256,
    )


def is_casino_behind(casino: Casino) -> bool | None:
    """Whether the casino's requests get 503 until it is migrated; None while it has no database."""
    return is_behind(casino.schema_version) if casino.state in READY_STATES else None


def size_of(casino: Casino) -> int | None:
    """Bytes of the casino's database; None if it has none or its server is unavailable."""
    if casino.server_id is None:
        return None
    try:
        with server_cursor(server=casino.server_id) as cursor:
            cursor.execute("SELECT pg_database_size(%s)", [casino.db_name])
            return int(cursor.fetchone()[0])
    except (DatabaseError, UnknownServer):
        return None


def _summary(casino: Casino) -> dict[str, Any]:
    return {
        "id": casino.pk,
        "name": casino.name,
        "state": casino.state,
        "detail": casino.state_detail,
        "server": casino.server_id,
        "generation": casino.generation,
        "is_behind": is_casino_behind(casino),
        "is_configured": casino.is_configured,
    }


def _retired(database: CasinoDatabase) -> RetiredDatabase:
    return RetiredDatabase(
        generation=database.generation,
        server=database.server_id,
        database=database.db_name,
        created_at=database.created_at,
    )
