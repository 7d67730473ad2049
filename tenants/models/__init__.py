"""The catalogue's tables."""

from .api_key import ApiKey, Scope
from .casino import Casino, CasinoState
from .placement import CasinoDatabase, DatabaseServer, ServerState
from .schema import CasinoMigration, MigrationOutcome, MigrationRun, SchemaVersion
from .staff import StaffBinding

__all__ = [
    "ApiKey",
    "Casino",
    "CasinoDatabase",
    "CasinoMigration",
    "CasinoState",
    "DatabaseServer",
    "MigrationOutcome",
    "MigrationRun",
    "SchemaVersion",
    "Scope",
    "ServerState",
    "StaffBinding",
]
