"""The catalogue's tables."""

from .api_key import ApiKey, Scope
from .casino import Casino, CasinoState
from .placement import CasinoDatabase, DatabaseServer, ServerState
from .rate_bucket import RateBucket
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
    "RateBucket",
    "SchemaVersion",
    "Scope",
    "ServerState",
    "StaffBinding",
]
