"""Findings, and the snapshot of a server's databases that the checks compare with the catalogue."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.conf import settings
from django.db import DatabaseError

from tenants.databases.servers import quoted, server_cursor
from tenants.lifecycle.databases import reopen
from tenants.lifecycle.files import make_private_folder, sync_folder
from tenants.lifecycle.pg_dump import dump_database
from tenants.lifecycle.states import Report
from tenants.models import Casino, CasinoDatabase
from tenants.postgresql.identity import IdentityRow, read_identity


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem: its stable `code`, a description, and `advice`. `repair` follows the advice; without `repair`, an
    operator has to."""

    code: str
    problem: str
    advice: str
    casino_id: int | None = None
    server: str | None = None
    database: str | None = None
    repair: Callable[[Report], object] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """A database's properties, read without connecting to it."""

    accepts_connections: bool
    is_frozen: bool
    is_open_to_public: bool


@dataclass(frozen=True, slots=True)
class ServerSnapshot:
    """An available server: its databases with a casino's name, and the connection limit of each role with a casino's
    name (-1: no limit)."""

    name: str
    databases: dict[str, DatabaseFacts]
    role_limits: dict[str, int]

    def identity_of(self, db_name: str) -> IdentityRow | None:
        with server_cursor(db_name, server=self.name) as cursor:
            return read_identity(cursor)

    def orphans(self) -> Iterator[Finding]:
        """Databases with a casino's name that have no row in the catalogue."""
        known = set(CasinoDatabase.objects.filter(server=self.name).values_list("db_name", flat=True))
        for db_name in sorted(self.databases.keys() - known):
            yield self._orphan(db_name)

    def _orphan(self, db_name: str) -> Finding:
        owner = self._owner_of(db_name)
        folder = settings.BACKUP_DIR / "orphans" / self.name
        identity = f"its identity row is of {owner}" if owner else "no casino of the catalogue has its identity"
        by_hand = "It may be another installation's: check it, and rename or drop it by hand."
        return Finding(
            code="orphan_database",
            problem=f"Database {db_name} on {self.name} is not in the catalogue; {identity}.",
            advice=f"Dump it to {folder}, then drop it." if owner else by_hand,
            casino_id=owner.pk if owner else None,
            server=self.name,
            database=db_name,
            repair=(lambda report: _dump_and_drop(self.name, db_name, report)) if owner else None,
        )

    def _owner_of(self, db_name: str) -> Casino | None:
        if not self.databases[db_name].accepts_connections:
            return None
        try:
            identity = self.identity_of(db_name)
        except DatabaseError:
            return None
        return Casino.objects.filter(identity=identity[0]).first() if identity else None


def read_server(name: str) -> ServerSnapshot:
    """The server's snapshot. Raises OperationalError if it is unavailable, UnknownServer if it has no address."""
    with server_cursor(server=name) as cursor:
        cursor.execute(
            "SELECT datname, datallowconn,"
            " coalesce('default_transaction_read_only=on' = ANY (setconfig), false),"
            " has_database_privilege('public', datname, 'CONNECT')"
            " FROM pg_database LEFT JOIN pg_db_role_setting ON setdatabase = oid AND setrole = 0"
        )
        pattern = re.compile(rf"{re.escape(settings.CASINO_DATABASE_PREFIX)}\d+(_g\d+)?")
        found = {db_name: DatabaseFacts(*facts) for db_name, *facts in cursor.fetchall() if pattern.fullmatch(db_name)}
        cursor.execute("SELECT rolname, rolconnlimit FROM pg_roles")
        limits = {role: limit for role, limit in cursor.fetchall() if pattern.fullmatch(role)}
    return ServerSnapshot(name, found, limits)


def _dump_and_drop(server: str, db_name: str, report: Report) -> None:
    folder = settings.BACKUP_DIR / "orphans" / server
    if not folder.exists():
        make_private_folder(folder)
    database = CasinoDatabase(server_id=server, db_name=db_name)
    reopen(database)
    dump_database(database, folder / f"{db_name}.dump", report)
    sync_folder(folder)
    report(f"dropping {database}")
    with server_cursor(server=server) as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {quoted(db_name)} WITH (FORCE)")
