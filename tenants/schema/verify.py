"""Asks casinos' databases whether the catalogue is right about them: which migrations each has, and whose it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from tenants.databases.locks import casino_lock
from tenants.databases.servers import server_cursor
from tenants.models import Casino
from tenants.postgresql.identity import read_identity
from tenants.workers.task import Notify

from .migrate import migrations_in
from .version import record_version


@contextmanager
def verifying(notify: Notify) -> Iterator[Callable[[int], str]]:
    """What a worker does to a casino."""
    yield verify_casino


def verify_casino(casino_id: int) -> str:
    """What is wrong, in words; empty if the catalogue is right. If the database truly has other migrations than the
    catalogue says, the catalogue is corrected.

    Raises OperationalError if the database can't be reached, CasinoBusy if something else is being done to the casino.
    """
    casino = Casino.objects.get(pk=casino_id)
    problem, version = _ask(casino)
    if problem or version == casino.schema_version:
        return problem
    with casino_lock(casino_id):  # it may have been migrated since
        casino.refresh_from_db()
        problem, version = _ask(casino)
        if problem or version == casino.schema_version:
            return problem
        Casino.objects.filter(pk=casino_id).update(schema_version=version)
    said = casino.schema_version or "nothing"
    return f"{casino.db_name} has the schema {version}, but the catalogue said {said}; corrected"


def _ask(casino: Casino) -> tuple[str, str]:
    """What is wrong with whose the database is, and the version that it has."""
    current = casino.current
    with server_cursor(current.db_name, server=current.server) as cursor:
        return _ownership(casino, read_identity(cursor)), record_version(migrations_in(cursor))


def _ownership(casino: Casino, owner: tuple[UUID, int, int] | None) -> str:
    if owner is None:
        return f"{casino.db_name} does not say whose it is"
    identity, casino_id, generation = owner
    if (identity, generation) != (casino.identity, casino.generation):
        return f"{casino.db_name} is generation {generation} of casino {casino_id} ({identity})"
    return ""
