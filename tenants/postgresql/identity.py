"""A casino's database knows whose it is: one row, checked at each connect, so that a database restored into the wrong
place does not serve."""

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


Owner = tuple[UUID, int, int]  # identity, casino id, generation


class Executes(Protocol):
    """A cursor of psycopg's or of Django's."""

    def execute(self, query: Any, params: Any = None) -> Any: ...

    def fetchone(self) -> Any: ...


def stamp(cursor: Executes, casino: CurrentCasino) -> None:
    """Make the database that `cursor` is in this casino's. Raises where the template's migrations are not there yet."""
    cursor.execute(_STAMP, [casino.identity, casino.id, casino.generation])


def read_identity(cursor: Executes) -> Owner | None:
    """Whose the database is that `cursor` is in; None if it does not say."""
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [TABLE])
    if not cursor.fetchone()[0]:
        return None
    cursor.execute(_READ)
    row: Owner | None = cursor.fetchone()
    return row


def check_owner(owner: Owner | None, casino: CurrentCasino) -> None:
    """Raises WrongDatabase if the database of `casino` says that it is another's. One that says nothing, as an older
    release made them, passes."""
    if owner is None or (owner[0], owner[2]) == (casino.identity, casino.generation):
        return
    identity, casino_id, generation = owner
    raise WrongDatabase(
        f"The database {casino.db_name} on server {casino.server} is generation {generation} of casino {casino_id} "
        f"({identity}), not generation {casino.generation} of casino {casino.id} ({casino.identity}). "
        "`manage.py casino doctor` tells more."
    )


def check_identity(connection: "psycopg.Connection[Any]", casino: CurrentCasino) -> None:
    """Raises WrongDatabase unless this new connection leads to the database that is the casino's."""
    try:
        owner = connection.execute(_READ).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InsufficientPrivilege):
        owner = None
    if owner is None:
        raise WrongDatabase(
            f"The database {casino.db_name} on server {casino.server} does not say whose it is, so that it does not "
            f"serve casino {casino.id}; `manage.py casino doctor` tells more."
        )
    check_owner(owner, casino)
