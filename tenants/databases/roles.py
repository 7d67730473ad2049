"""One login role per casino, as an option (`CASINO_ROLES`): PostgreSQL itself then rejects a casino's connections to
another's database.

A role may read and write its casino's rows only: the service's own role creates tables. Passwords are derived from a
secret and not stored.
"""

import hashlib
import hmac
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.backends.utils import CursorWrapper

from tenants.postgresql.identity import TABLE as IDENTITY_TABLE

from .servers import quoted, server_cursor


def role_name(casino_id: int) -> str:
    return f"{settings.CASINO_DATABASE_PREFIX}{casino_id}"


def login_of(casino_id: int) -> dict[str, Any]:
    """A casino's USER and PASSWORD, to replace the service's own; empty without `CASINO_ROLES`."""
    if not settings.CASINO_ROLES:
        return {}
    return {"USER": role_name(casino_id), "PASSWORD": _password(casino_id)}


def close_to_public(cursor: CursorWrapper, db_name: str, casino_id: int) -> None:
    """Create the casino's role if it is missing, and let only that role connect to the database. The number of its
    connections is limited: a leaked password must not allow a client to take all of the server's."""
    role, password = quoted(role_name(casino_id)), _password(casino_id)
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role_name(casino_id)])
    verb = "ALTER" if cursor.fetchone() else "CREATE"
    limit = settings.CASINO_ROLE_CONNECTIONS
    cursor.execute(f"{verb} ROLE {role} LOGIN NOINHERIT CONNECTION LIMIT %s PASSWORD %s", [limit, password])
    cursor.execute(f"GRANT {role} TO CURRENT_USER")  # to be able to terminate its sessions
    cursor.execute(f"REVOKE ALL ON DATABASE {quoted(db_name)} FROM PUBLIC")
    cursor.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {quoted(db_name)} TO {role}")


def close_catalogue() -> None:
    """Let only the service's own role, and roles that it was granted to by name, connect to the catalogue: a casino's
    role could hold the catalogue's locks. Raises ProgrammingError if the service's role does not own the database."""
    name = quoted(connections["default"].settings_dict["NAME"])
    with server_cursor() as cursor:
        cursor.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO CURRENT_USER")
        cursor.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")


def is_catalogue_open() -> bool:
    """Whether every role of the server may connect to the catalogue, or create temporary tables in it."""
    with server_cursor() as cursor:
        cursor.execute("SELECT has_database_privilege('public', current_database(), 'CONNECT, TEMPORARY')")
        return bool(cursor.fetchone()[0])


def grant_tables(cursor: CursorWrapper, casino_id: int) -> None:
    """Grant the casino's role the rows of the cursor's database, those of future tables included."""
    role = quoted(role_name(casino_id))
    rows, numbers = "SELECT, INSERT, UPDATE, DELETE", "USAGE, SELECT"
    cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
    cursor.execute(f"GRANT {rows} ON ALL TABLES IN SCHEMA public TO {role}")
    cursor.execute(f"GRANT {numbers} ON ALL SEQUENCES IN SCHEMA public TO {role}")
    cursor.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {rows} ON TABLES TO {role}")
    cursor.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {numbers} ON SEQUENCES TO {role}")
    cursor.execute(f"REVOKE INSERT, UPDATE, DELETE ON {IDENTITY_TABLE} FROM {role}")


def drop_role(server: str, casino_id: int) -> None:
    """Drop the casino's role on a server on which it has no database any more."""
    with server_cursor(server=server) as cursor:
        cursor.execute(f"DROP ROLE IF EXISTS {quoted(role_name(casino_id))}")


def _password(casino_id: int) -> str:
    message = f"{settings.CASINO_DATABASE_PREFIX}{casino_id}".encode()
    return hmac.new(settings.CASINO_ROLE_SECRET.encode(), message, hashlib.sha256).hexdigest()
