"""Applies the missing migrations to one casino's database."""

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
    """The applied migrations, as `app.name`, and the resulting schema version."""

    applied: list[str]
    version: str


def migrate_casino(casino: CurrentCasino) -> MigrationResult:
    """Apply the migrations that this casino's database lacks, on a direct connection with the service's own login.

    A statement that waits for a lock longer than `MIGRATION_LOCK_SECONDS` fails, since it would block all later
    requests. Raises WrongDatabase if the database is another casino's. Exceptions of a migration pass through; the
    migrations before it stay applied.
    """
    alias = connections.register_alias(
        f"{casino.alias}_direct", database_settings(casino.server, casino.db_name, direct=True)
    )
    try:
        connection = django_connections[alias]
        with connection.cursor() as cursor:
            has_identity = _has_identity(cursor, casino)
            applied = apply_migrations(connection)
            _complete(cursor, casino, has_identity)
            return MigrationResult(applied, record_version(migrations_in(cursor)))
    finally:
        connections.forget_alias(alias)


def apply_migrations(connection: BaseDatabaseWrapper) -> list[str]:
    """Apply the casino apps' migrations that this database lacks, and return their names."""
    with connection.cursor() as cursor:
        applied = _recorded_in(cursor, connection)
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, false)", [f"{settings.MIGRATION_LOCK_SECONDS * 1000:.0f}"]
        )
    plan = plan_for(connection, applied)
    try:
        for step in plan.steps:
            step.apply(connection)
    except BaseException:
        forget_plans()
        raise
    record(connection, plan.replacements)
    return [f"{step.migration.app_label}.{step.migration.name}" for step in plan.steps]


def migrations_in(cursor: CursorWrapper) -> list[tuple[str, str]]:
    """(app, migration) of the casino apps' applied migrations in the cursor's database, sorted."""
    cursor.execute(
        "SELECT app, name FROM django_migrations WHERE app = ANY(%s) ORDER BY app, name", [settings.CASINO_APPS]
    )
    return [(app, name) for app, name in cursor.fetchall()]


def _recorded_in(cursor: CursorWrapper, connection: BaseDatabaseWrapper) -> frozenset[Key]:
    """The migrations recorded in the database; creates their table if it is missing."""
    cursor.execute("SELECT to_regclass('django_migrations') IS NOT NULL")
    if cursor.fetchone() != (True,):
        MigrationRecorder(connection).ensure_schema()
    cursor.execute("SELECT app, name FROM django_migrations")
    return frozenset((app, name) for app, name in cursor.fetchall())


def _has_identity(cursor: CursorWrapper, casino: CurrentCasino) -> bool:
    """Whether the database has an identity row; older releases wrote none. Raises WrongDatabase."""
    row = identity.read_identity(cursor)
    identity.check_identity(row, casino)
    return row is not None


def _complete(cursor: CursorWrapper, casino: CurrentCasino, has_identity: bool) -> None:
    """Add the objects besides migrations that a database of an older release lacks."""
    if not has_identity:
        cursor.execute(identity.CREATE)
        identity.write_identity(cursor, casino)
    if settings.CASINO_ROLES:
        roles.close_to_public(cursor, casino.db_name, casino.id)
        roles.grant_tables(cursor, casino.id)
