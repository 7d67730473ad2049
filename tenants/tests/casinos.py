"""Rows and databases of real casinos, for lifecycle tests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

from tenants.current_casino import MAIN
from tenants.databases.locks import busy_casinos
from tenants.databases.servers import server_cursor
from tenants.lifecycle.backup import MANIFEST
from tenants.models import Casino
from tenants.routing.context import use_casino

from .casino_rows import User, make_user
from .waiting import wait_until


def add_user(casino: Casino, name: str) -> None:
    with use_casino(casino.current):
        make_user(name)


def users_of(casino: Casino) -> list[str]:
    """The names of the users in the casino's current database."""
    casino.refresh_from_db()
    with use_casino(casino.current):
        return list(User.objects.order_by("id").values_list("name", flat=True))


def wait_until_free(*casinos: Casino) -> None:
    """Wait until the casinos' locks are free: the server releases the locks of a closed session or a killed process
    with a delay."""
    wait_until(lambda: not busy_casinos(casino.pk for casino in casinos), else_say="a casino's lock is still held")


def databases_on(server: str = MAIN) -> set[str]:
    """The casinos' databases that exist on a server."""
    with server_cursor("postgres", server=server) as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname ~ '^test_casino_[0-9]{4,}'")
        return {name for (name,) in cursor.fetchall()}


def allows_connections(db_name: str, server: str = MAIN) -> bool:
    with server_cursor("postgres", server=server) as cursor:
        cursor.execute("SELECT datallowconn FROM pg_database WHERE datname = %s", [db_name])
        return bool(cursor.fetchone()[0])


def rewrite_manifest(folder: Path, **changes: Any) -> None:
    """Change a backup's manifest."""
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


@contextmanager
def catalogue_refusing(condition: str) -> Iterator[None]:
    """Make the catalogue reject each update of a casino's row for which `condition`, in terms of NEW and OLD, is
    true."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = 'disk_full'; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON casinos
                FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse();
            """
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse CASCADE")
