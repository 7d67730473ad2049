"""Brings every casino's database, and the template for new ones, up to the code's migrations."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from django.db.migrations.recorder import MigrationRecorder

from .connections import alias_of
from .models import Casino
from .server import catalogue_lock, provisioning_lock
from .template import casino_migrations_on_disk, ensure_template

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MigrationResult:
    """What happened to one casino: the migrations applied (none if it was up to date), or the error."""

    casino: Casino
    applied: list[str]
    error: str | None = None


def migrate_casinos(casinos: Iterable[Casino]) -> Iterator[MigrationResult]:
    """Migrate the template, then each casino; a failure of one stops no other."""
    with provisioning_lock() as cursor:
        ensure_template(cursor)
    for casino in casinos:
        yield _migrate(casino)


def pending_migrations(alias: str) -> list[str]:
    """Migrations on disk that the database lacks, by one query."""
    applied = MigrationRecorder(connections[alias]).applied_migrations()
    return [f"{app}.{name}" for app, name in casino_migrations_on_disk() if (app, name) not in applied]


def _migrate(casino: Casino) -> MigrationResult:
    alias = alias_of(casino.current)
    try:
        with catalogue_lock(casino.pk):
            pending = pending_migrations(alias)
            if pending:
                call_command("migrate", database=alias, verbosity=0, interactive=False)
    except (DatabaseError, CommandError) as error:
        return MigrationResult(casino, [], str(error).strip())
    except Exception as error:  # a migration may raise anything, and the other casinos must go on
        logger.exception("%s could not be migrated", casino)
        return MigrationResult(casino, [], f"{type(error).__name__}: {error}")
    finally:
        connections[alias].close()  # or as many would be open in the end as there are casinos
    return MigrationResult(casino, pending)
