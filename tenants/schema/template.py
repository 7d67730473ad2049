"""The template databases, one per server: migrated once, then copied for each new casino in 60-100 ms."""

from django.conf import settings
from django.db import connections as django_connections
from django.db.backends.utils import CursorWrapper

from tenants.current_casino import MAIN
from tenants.databases.servers import database_exists, database_settings, quoted, server_cursor
from tenants.postgresql import identity
from tenants.routing import connections

from .migrate import apply_migrations
from .version import code_version

TEMPLATE_ALIAS = "casino_template"
_FORMAT = "2"  # raise it when a template needs more than its migrations


def template_name() -> str:
    return f"{settings.CASINO_DATABASE_PREFIX}template"


def ensure_template(cursor: CursorWrapper, server: str = MAIN) -> str:
    """Create a server's template, or migrate it, and return its name.

    `cursor` is on that server, and the caller holds the server's `template_lock`. The comment on the template is its
    schema version, so that checking it opens no session: one open session would make copying fail.
    """
    name = template_name()
    if not database_exists(cursor, name):
        cursor.execute(f"CREATE DATABASE {quoted(name)} TEMPLATE template0")
    if _comment_of(cursor, name) != _expected_comment():
        _migrate_template(cursor, server, name)
    return name


def is_template_ready() -> bool:
    """Whether the template on the catalogue's server is up to date. Opens no connection to it."""
    with django_connections["default"].cursor() as cursor:
        return _comment_of(cursor, template_name()) == _expected_comment()


def _expected_comment() -> str:
    return f"{_FORMAT}:{code_version()}"


def _comment_of(cursor: CursorWrapper, name: str) -> str | None:
    cursor.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name])
    row = cursor.fetchone()
    return row[0] if row else None


def _migrate_template(cursor: CursorWrapper, server: str, name: str) -> None:
    # A killed process may have left a session that is still committing.
    cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name])
    cursor.execute(f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS true")
    alias = connections.register_alias(f"{TEMPLATE_ALIAS}_on_{server}", database_settings(server, name, direct=True))
    try:
        apply_migrations(django_connections[alias])
        with server_cursor(name, server=server) as inside:
            inside.execute(identity.CREATE)
    finally:
        connections.forget_alias(alias)
        cursor.execute(f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS false")
    cursor.execute(f"COMMENT ON DATABASE {quoted(name)} IS '{_expected_comment()}'")
