"""Schema versions: fingerprints of the migrations applied to casinos' databases. The catalogue has them, so that a
casino that is behind is recognised without a query to its database."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache

from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from tenants.errors import CasinoNotUpgraded
from tenants.models import Casino, SchemaVersion
from tenants.process_state import register

Migrations = tuple[tuple[str, str], ...]


def migrations_on_disk() -> Migrations:
    """(app, migration) of every migration that a casino's database needs, sorted."""
    return _load_migrations(tuple(settings.CASINO_APPS), tuple(settings.MIGRATION_MODULES.items()))[0]


def code_version() -> str:
    """The fingerprint of the code's migrations."""
    return _load_migrations(tuple(settings.CASINO_APPS), tuple(settings.MIGRATION_MODULES.items()))[1]


def fingerprint(migrations: Migrations) -> str:
    return hashlib.sha256(repr(migrations).encode()).hexdigest()[:16]


def is_behind(version: str) -> bool:
    """Whether a database of this version lacks a migration of the code. A newer release's database, with more
    migrations, is not behind."""
    return not version or (version != code_version() and not _is_ahead(version, migrations_on_disk()))


def require_up_to_date(casino: Casino) -> None:
    """Raises CasinoNotUpgraded if the casino's database lacks a migration of the code."""
    if is_behind(casino.schema_version):
        raise CasinoNotUpgraded(f"{casino} lacks migrations of the code; run `manage.py migrate_casinos`.")


def versions_not_behind() -> list[str]:
    """The recorded versions that have all migrations of the code."""
    known = SchemaVersion.objects.values_list("fingerprint", flat=True)
    return [code_version(), *(version for version in known if not is_behind(version))]


def record_version(migrations: Iterable[tuple[str, str]]) -> str:
    """Record these migrations in the catalogue, and return their fingerprint."""
    applied = tuple(sorted(migrations))
    names = [f"{app}.{name}" for app, name in applied]
    version, _ = SchemaVersion.objects.get_or_create(fingerprint=fingerprint(applied), defaults={"migrations": names})
    return version.fingerprint


@lru_cache
def _load_migrations(apps: tuple[str, ...], modules: tuple[tuple[str, str | None], ...]) -> tuple[Migrations, str]:
    """The migrations and their fingerprint; a request needs the fingerprint only. `modules` is part of the cache's key,
    since tests change `MIGRATION_MODULES`."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    migrations = tuple(sorted(key for key in loader.disk_migrations if key[0] in apps))
    return migrations, fingerprint(migrations)


_known_ahead: dict[tuple[str, Migrations], bool] = {}
register("versions of newer releases", reset=_known_ahead.clear)


def _is_ahead(version: str, needed: Migrations) -> bool:
    """Whether the version has more migrations than needed. A recorded version never changes, so it is cached; an
    unrecorded one is looked up again."""
    key = (version, needed)
    if key not in _known_ahead:
        found = SchemaVersion.objects.filter(pk=version).first()
        if found is None:
            return False
        _known_ahead[key] = {f"{app}.{name}" for app, name in needed} <= set(found.migrations)
    return _known_ahead[key]
