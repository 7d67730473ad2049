"""The catalogue's tables."""

from .casino import Casino, CasinoState
from .placement import CasinoDatabase, DatabaseServer, ServerState
from .schema import CasinoMigration, MigrationOutcome, MigrationRun, SchemaVersion

__all__ = [
    "Casino",
    "CasinoDatabase",
    "CasinoMigration",
    "CasinoState",
    "DatabaseServer",
    "MigrationOutcome",
    "MigrationRun",
    "SchemaVersion",
    "ServerState",
]
