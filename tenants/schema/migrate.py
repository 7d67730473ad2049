"""Brings one casino's database up to the code's migrations."""

from dataclasses import dataclass

from django.conf import settings
from django.db import connections as django_connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.migrations.recorder import MigrationRecorder

from tenants.current_casino import CurrentCasino
from tenants.databases import roles
from tenants.databases.servers import database_settings
from tenants.postgresql import identity
from tenants.routing import connections

from .plan import Key, forget_plans, plan_for, record
from .version import record_version


@dataclass(frozen=True, slots=True)
class MigrationResult:
    """The migrations applied, as `app.name` (none if there was nothing to do), and the version that came of it."""

    applied: list[str]
    version: str


def bring_up_to_date(casino: CurrentCasino) -> MigrationResult:
    """Apply what this casino's database lacks, on a direct connection with the service's own login.

    A statement that waits for a lock longer than `MIGRATION_LOCK_SECONDS` fails, rather than holding up all requests
    that come after it. Raises WrongDatabase if it is another's, and whatever a migration raises; then those before it
    are applied.
    """
    alias = connections.register(
        f"{casino.alias}_direct", database_settings(casino.server, casino.db_name, direct=True)
    )
    try:
        connection = django_connections[alias]
        with connection.cursor() as cursor:
            is_claimed = _is_claimed(cursor, casino)
            applied = apply_migrations(connection)
            _complete(cursor, casino, is_claimed)
            return MigrationResult(applied, record_version(migrations_in(cursor)))
    finally:
        connections.forget(alias)


def apply_migrations(connection: BaseDatabaseWrapper) -> list[str]:
    """Apply the casino apps' migrations that this database lacks, and answer which they were."""
    with connection.cursor() as cursor:
        has = _recorded_in(cursor, connection)
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, false)", [f"{settings.MIGRATION_LOCK_SECONDS * 1000:.0f}"]
        )
    plan = plan_for(connection, has)
    try:
        for step in plan.steps:
            step.apply(connection)
    except BaseException:
        forget_plans()
        raise
    record(connection, plan.replacements)
    return [f"{step.migration.app_label}.{step.migration.name}" for step in plan.steps]


def migrations_in(cursor: CursorWrapper) -> list[tuple[str, str]]:
    """(app, migration) of the casino apps' migrations that the database of this cursor has, sorted."""
    cursor.execute(
        "SELECT app, name FROM django_migrations WHERE app = ANY(%s) ORDER BY app, name", [settings.CASINO_APPS]
    )
    return [(app, name) for app, name in cursor.fetchall()]


def _recorded_in(cursor: CursorWrapper, connection: BaseDatabaseWrapper) -> frozenset[Key]:
    """All that the database has recorded; its table of them is made if need be."""
    cursor.execute("SELECT to_regclass('django_migrations') IS NOT NULL")
    if cursor.fetchone() != (True,):
        MigrationRecorder(connection).ensure_schema()
    cursor.execute("SELECT app, name FROM django_migrations")
    return frozenset((app, name) for app, name in cursor.fetchall())


def _is_claimed(cursor: CursorWrapper, casino: CurrentCasino) -> bool:
    """Whether the database says whose it is; one made by an older release does not. Raises WrongDatabase."""
    owner = identity.read_identity(cursor)
    identity.check_owner(owner, casino)
    return owner is not None


def _complete(cursor: CursorWrapper, casino: CurrentCasino, is_claimed: bool) -> None:
    """What a database made by an older release lacks besides migrations."""
    if not is_claimed:
        cursor.execute(identity.CREATE)
        identity.stamp(cursor, casino)
    if settings.CASINO_ROLES:
        roles.close_to_public(cursor, casino.db_name, casino.id)
        roles.grant_tables(cursor, casino.id)
