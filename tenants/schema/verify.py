"""Compares casinos' databases with the catalogue: schema version and identity."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tenants.databases.locks import casino_lock
from tenants.databases.servers import server_cursor
from tenants.models import Casino
from tenants.postgresql.identity import IdentityRow, read_identity
from tenants.workers.task import Notify

from .migrate import migrations_in
from .version import record_version


@contextmanager
def verifying(notify: Notify) -> Iterator[Callable[[int], str]]:
    """A worker's task: verify a casino."""
    yield verify_casino


def verify_casino(casino_id: int) -> str:
    """The problem found, in words; empty if there is none. A wrong schema version in the catalogue is corrected.

    Raises OperationalError if the database is unavailable, CasinoBusy if another process holds the casino's lock.
    """
    casino = Casino.objects.get(pk=casino_id)
    problem, version = _read(casino)
    if problem or version == casino.schema_version:
        return problem
    with casino_lock(casino_id):  # another process may have migrated it since
        casino.refresh_from_db()
        problem, version = _read(casino)
        if problem or version == casino.schema_version:
            return problem
        Casino.objects.filter(pk=casino_id).update(schema_version=version)
    recorded = casino.schema_version or "nothing"
    return f"{casino.db_name} has the schema {version}, but the catalogue had {recorded}; corrected"


def _read(casino: Casino) -> tuple[str, str]:
    """The identity problem, if any, and the schema version of the database."""
    current = casino.current
    with server_cursor(current.db_name, server=current.server) as cursor:
        return _identity_problem(casino, read_identity(cursor)), record_version(migrations_in(cursor))


def _identity_problem(casino: Casino, row: IdentityRow | None) -> str:
    if row is None:
        return f"{casino.db_name} has no identity row"
    identity, casino_id, generation = row
    if (identity, generation) != (casino.identity, casino.generation):
        return f"{casino.db_name} is generation {generation} of casino {casino_id} ({identity})"
    return ""
