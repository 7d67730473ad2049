"""The databases of a casino, generation by generation: create, freeze, activate, retire, drop.

A database's row in `CasinoDatabase` is created before the database and deleted after it, so that a crash leaves no
unknown database.
"""

import time
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, OperationalError, ProgrammingError
from django.db.backends.utils import CursorWrapper
from django.db.models import Max

from tenants.databases import roles
from tenants.databases.locks import template_lock
from tenants.databases.servers import database_exists, quoted, server_cursor
from tenants.errors import ProvisioningFailed
from tenants.models import Casino, CasinoDatabase, CasinoState, DatabaseServer
from tenants.postgresql import identity
from tenants.routing import connections
from tenants.schema.template import ensure_template
from tenants.ttl_cache import wait_until_caches_expire

from .states import Report, advance

PATIENCE_SECONDS = 5.0  # that running transactions have before their sessions are terminated
_POLL_SECONDS = 0.05
_TAKEN = ("42P04", "23505")  # SQLSTATEs of CREATE DATABASE: the database exists; another session is creating it


def plan_database(casino: Casino, server: DatabaseServer) -> CasinoDatabase:
    """Create the row of a new generation of this casino's database. Raises ProvisioningFailed if its name is taken."""
    last = casino.databases.aggregate(last=Max("generation"))["last"] or 0
    generation = max(last, casino.generation) + 1
    db_name = f"{settings.CASINO_DATABASE_PREFIX}{casino.pk}" + (f"_g{generation}" if generation > 1 else "")
    with server_cursor(server=server.name) as cursor:
        if database_exists(cursor, db_name):
            raise _name_taken(db_name, server.name)
    return CasinoDatabase.objects.create(casino=casino, generation=generation, server=server, db_name=db_name)


def create_from_template(database: CasinoDatabase) -> None:
    """Create the database as a copy of its server's template. Replaces a database left by an earlier attempt."""
    server = database.server_id
    with template_lock(server) as cursor:
        template = ensure_template(cursor, server)
        _create(cursor, database, template)


def create_empty(database: CasinoDatabase) -> None:
    """Create the empty database. Replaces a database left by an earlier attempt."""
    with server_cursor(server=database.server_id) as cursor:
        _create(cursor, database, "template0")


def assign(database: CasinoDatabase, casino: Casino) -> None:
    """Write the identity row into a complete database, and grant access to the casino's role, if roles are on."""
    at = casino.at(database)
    if settings.CASINO_ROLES:
        with server_cursor(server=database.server_id) as cursor:
            roles.close_to_public(cursor, database.db_name, casino.pk)
    with server_cursor(database.db_name, server=database.server_id) as cursor:
        cursor.execute(identity.CREATE)  # a copy of an older release's database lacks the table
        identity.write_identity(cursor, at)
        if settings.CASINO_ROLES:
            roles.grant_tables(cursor, casino.pk)


def check_identity(database: CasinoDatabase) -> None:
    """Raises WrongDatabase if the identity row is another casino's: its rows must not be copied as this casino's."""
    with server_cursor(database.db_name, server=database.server_id) as cursor:
        row = identity.read_identity(cursor)
    identity.check_identity(row, database.casino.at(database))


def activate(database: CasinoDatabase, casino: Casino, state: CasinoState, *, schema_version: str) -> None:
    """Make this the casino's database: after the call, every request uses it."""
    place: dict[str, Any] = {"server": database.server, "db_name": database.db_name, "generation": database.generation}
    if state == casino.state:
        Casino.objects.filter(pk=casino.pk, state=state).update(**place, schema_version=schema_version)
        casino.refresh_from_db()
    else:
        advance(casino, state, **place, schema_version=schema_version)
    wait_until_caches_expire()


def freeze(database: CasinoDatabase) -> None:
    """Make the database read-only, after waiting for running transactions."""
    with server_cursor(server=database.server_id) as cursor:
        cursor.execute(f"ALTER DATABASE {quoted(database.db_name)} SET default_transaction_read_only = on")
        _end_sessions(cursor, database.db_name)


def unfreeze(database: CasinoDatabase) -> None:
    """Make a read-only database writable again."""
    with server_cursor(server=database.server_id) as cursor:
        if is_frozen(cursor, database.db_name):
            cursor.execute(f"ALTER DATABASE {quoted(database.db_name)} RESET default_transaction_read_only")
            _end_sessions(cursor, database.db_name)


def is_frozen(cursor: CursorWrapper, db_name: str) -> bool:
    cursor.execute(
        "SELECT 1 FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase "
        "WHERE datname = %s AND setrole = 0 AND 'default_transaction_read_only=on' = ANY (setconfig)",
        [db_name],
    )
    return cursor.fetchone() is not None


def retire(database: CasinoDatabase) -> None:
    """Refuse connections to the database, and keep it."""
    with server_cursor(server=database.server_id) as cursor:
        if database_exists(cursor, database.db_name):
            cursor.execute(f"ALTER DATABASE {quoted(database.db_name)} ALLOW_CONNECTIONS false")
            _end_sessions(cursor, database.db_name)


def reopen(database: CasinoDatabase) -> None:
    """Accept connections to a retired database again."""
    with server_cursor(server=database.server_id) as cursor:
        cursor.execute(f"ALTER DATABASE {quoted(database.db_name)} ALLOW_CONNECTIONS true")


def drop(database: CasinoDatabase) -> None:
    """Drop the database, terminating its sessions, and then its row."""
    with server_cursor(server=database.server_id) as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {quoted(database.db_name)} WITH (FORCE)")
    alias = database.casino.at(database).alias
    with suppress(OperationalError):  # this process's connection to it is broken
        connections.forget_alias(alias)
    database.delete()


def clean_up(casino: Casino, report: Report) -> None:
    """Drop the unfinished database of an interrupted clone, restore or move, and retire the old ones."""
    for database in casino.databases.filter(generation__gt=casino.generation):
        report(f"dropping the unfinished {database}")
        drop(database)
    for database in casino.databases.filter(generation__lt=casino.generation):
        retire(database)


def exists(database: CasinoDatabase) -> bool:
    with server_cursor(server=database.server_id) as cursor:
        return database_exists(cursor, database.db_name)


def current_database(casino: Casino) -> CasinoDatabase:
    return casino.databases.get(generation=casino.generation)


def _create(cursor: CursorWrapper, database: CasinoDatabase, template: str) -> None:
    name = quoted(database.db_name)
    cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    try:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {quoted(template)}")
    except (IntegrityError, ProgrammingError) as error:
        if getattr(error.__cause__, "sqlstate", None) not in _TAKEN:
            raise
        database.delete()  # another session has created it since the DROP
        raise _name_taken(database.db_name, database.server_id) from error


def _end_sessions(cursor: CursorWrapper, db_name: str) -> None:
    """Terminate the sessions that started before now: idle sessions at once, busy ones when idle or after
    `PATIENCE_SECONDS`."""
    cursor.execute("SELECT clock_timestamp()")
    [before] = cursor.fetchone()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _terminate(cursor, db_name, before, also_busy=time.monotonic() >= deadline):
        time.sleep(_POLL_SECONDS)


def _terminate(cursor: CursorWrapper, db_name: str, before: datetime, *, also_busy: bool) -> int:
    """Terminate sessions. Returns the number of sessions left."""
    cursor.execute(
        "SELECT count(*), count(*) FILTER (WHERE (state = 'idle' OR %s) AND pg_terminate_backend(pid)) "
        "FROM pg_stat_activity WHERE datname = %s AND backend_start < %s AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'",
        [also_busy, db_name, before],
    )
    return int(cursor.fetchone()[0])


def _name_taken(db_name: str, server: str) -> ProvisioningFailed:
    return ProvisioningFailed(
        f"a database {db_name} already exists on server {server} and is not this casino's; rename it, drop it, "
        "or set another CASINO_DATABASE_PREFIX"
    )
