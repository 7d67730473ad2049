"""The identity row of a casino's database. Each new connection checks it, so that a database restored under the wrong
name is not used."""

from typing import Any, Protocol
from uuid import UUID

import psycopg

from tenants.current_casino import CurrentCasino
from tenants.errors import WrongDatabase

TABLE = "casino_identity"
CREATE = """
    CREATE TABLE IF NOT EXISTS casino_identity (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        identity uuid NOT NULL,
        casino_id bigint NOT NULL,
        generation integer NOT NULL
    )
"""
_STAMP = """
    INSERT INTO casino_identity (identity, casino_id, generation) VALUES (%s, %s, %s)
    ON CONFLICT (only_row) DO UPDATE
    SET identity = excluded.identity, casino_id = excluded.casino_id, generation = excluded.generation
"""
_READ = "SELECT identity, casino_id, generation FROM casino_identity"

IdentityRow = tuple[UUID, int, int]  # identity, casino id, generation


class SqlCursor(Protocol):
    """A cursor of psycopg's or of Django's."""

    def execute(self, query: Any, params: Any = None) -> Any: ...

    def fetchone(self) -> Any: ...


def write_identity(cursor: SqlCursor, casino: CurrentCasino) -> None:
    """Write the casino's identity into the cursor's database. Raises ProgrammingError if it lacks the identity
    table."""
    cursor.execute(_STAMP, [casino.identity, casino.id, casino.generation])


def read_identity(cursor: SqlCursor) -> IdentityRow | None:
    """The identity row of the cursor's database, or None."""
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [TABLE])
    if not cursor.fetchone()[0]:
        return None
    cursor.execute(_READ)
    row: IdentityRow | None = cursor.fetchone()
    return row


def check_identity(row: IdentityRow | None, casino: CurrentCasino) -> None:
    """Raises WrongDatabase if the row is another casino's. Accepts a database without a row, as older releases left."""
    if row is None or (row[0], row[2]) == (casino.identity, casino.generation):
        return
    identity, casino_id, generation = row
    raise WrongDatabase(
        f"Database {casino.db_name} on server {casino.server} is generation {generation} of casino {casino_id} "
        f"({identity}), not generation {casino.generation} of casino {casino.id} ({casino.identity}). "
        "Run `casino doctor`."
    )


def check_connection(connection: "psycopg.Connection[Any]", casino: CurrentCasino) -> None:
    """Raises WrongDatabase unless this new connection leads to the casino's database."""
    try:
        row = connection.execute(_READ).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InsufficientPrivilege):
        row = None
    if row is None:
        raise WrongDatabase(
            f"Database {casino.db_name} on server {casino.server} has no identity row; refusing to use it for casino "
            f"{casino.id}. Run `casino doctor`."
        )
    check_identity(row, casino)
