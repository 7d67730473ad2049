"""The template database: migrated once, then copied for each new casino in some 60-100 ms."""

import hashlib

from django.conf import settings
from django.core.management import call_command
from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader

from . import connections
from .server import database_exists, quoted

TEMPLATE_ALIAS = "casino_template"


def template_name() -> str:
    return f"{settings.CASINO_DATABASE_PREFIX}template"


def ensure_template(cursor: CursorWrapper) -> str:
    """Make the template, or bring it up to the code's migrations, and answer its name.

    `cursor` holds the provisioning lock. Which migrations the template has stands in its comment, so that an
    up-to-date one is recognised without a connection to it: one open session would make copying fail.
    """
    name = template_name()
    if not database_exists(cursor, name):
        cursor.execute(f"CREATE DATABASE {quoted(name)} TEMPLATE template0")
    if _fingerprint_of(cursor, name) != casino_migrations_fingerprint():
        _migrate_template(cursor, name)
    return name


def casino_migrations_on_disk() -> list[tuple[str, str]]:
    """(app, migration) of every migration that a casino's database must have, sorted."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return sorted(key for key in loader.disk_migrations if key[0] in settings.CASINO_APPS)


def casino_migrations_fingerprint() -> str:
    return hashlib.sha256(repr(casino_migrations_on_disk()).encode()).hexdigest()[:16]


def _fingerprint_of(cursor: CursorWrapper, name: str) -> str | None:
    cursor.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name])
    row = cursor.fetchone()
    return row[0] if row else None


def _migrate_template(cursor: CursorWrapper, name: str) -> None:
    cursor.execute(f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS true")
    connections.register(TEMPLATE_ALIAS, name)
    try:
        call_command("migrate", database=TEMPLATE_ALIAS, verbosity=0, interactive=False)
    finally:
        connections.forget(TEMPLATE_ALIAS)
        cursor.execute(f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS false")
    cursor.execute(f"COMMENT ON DATABASE {quoted(name)} IS '{casino_migrations_fingerprint()}'")
