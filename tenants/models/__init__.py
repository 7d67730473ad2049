"""The catalogue's tables."""

from .api_key import ApiKey, Scope
from .casino import Casino, CasinoState
from .dead_letter import DeadLetterState, UnassignedDeadLetter
from .experiment import Experiment, ExperimentState
from .placement import CasinoDatabase, DatabaseServer, ServerState
from .privacy import PrivacyAction, PrivacyRecord
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
    "DeadLetterState",
    "Experiment",
    "ExperimentState",
    "MigrationOutcome",
    "MigrationRun",
    "PrivacyAction",
    "PrivacyRecord",
    "RateBucket",
    "SchemaVersion",
    "Scope",
    "ServerState",
    "StaffBinding",
    "UnassignedDeadLetter",
]
