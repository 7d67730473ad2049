"""Which migrations a casino's database has, as a fingerprint that stands in the catalogue: whether a casino is behind
the code is known without asking its database."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache

from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from tenants.errors import CasinoNotUpgraded
from tenants.models import Casino, SchemaVersion

Migrations = tuple[tuple[str, str], ...]


def migrations_on_disk() -> Migrations:
    """(app, migration) of every migration that a casino's database must have, sorted."""
    return _migrations_on_disk(tuple(settings.CASINO_APPS), tuple(sorted(settings.MIGRATION_MODULES.items())))


def code_version() -> str:
    """The fingerprint of the code's migrations."""
    return fingerprint(migrations_on_disk())


@lru_cache(maxsize=1024)
def fingerprint(migrations: Migrations) -> str:
    return hashlib.sha256(repr(migrations).encode()).hexdigest()[:16]


def is_behind(version: str) -> bool:
    """Whether a database of this version lacks a migration of the code's. One that has more, as while a newer release
    is being rolled out, is not behind."""
    return not version or (version != code_version() and not _is_ahead(version, migrations_on_disk()))


def require_up_to_date(casino: Casino) -> None:
    """Raises CasinoNotUpgraded if the casino's database lacks what the code needs."""
    if is_behind(casino.schema_version):
        raise CasinoNotUpgraded(f"{casino} is behind the code; `manage.py migrate_casinos` brings it up to date.")


def versions_not_behind() -> list[str]:
    """The versions that are known and serve this code."""
    known = SchemaVersion.objects.values_list("fingerprint", flat=True)
    return [code_version(), *(version for version in known if not is_behind(version))]


def record_version(migrations: Iterable[tuple[str, str]]) -> str:
    """The fingerprint of these migrations, kept in the catalogue with what it stands for."""
    has = tuple(sorted(migrations))
    names = [f"{app}.{name}" for app, name in has]
    version, _ = SchemaVersion.objects.get_or_create(fingerprint=fingerprint(has), defaults={"migrations": names})
    return version.fingerprint


def forget_what_is_ahead() -> None:
    """Forget what was learnt of other releases' versions; for tests, in which the same one may mean another thing."""
    _known_ahead.clear()
    _migrations_on_disk.cache_clear()


@lru_cache
def _migrations_on_disk(apps: tuple[str, ...], modules: tuple[tuple[str, str | None], ...]) -> Migrations:
    """`modules` is there so that what was read before `MIGRATION_MODULES` changed is not taken for what is there."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return tuple(sorted(key for key in loader.disk_migrations if key[0] in apps))


_known_ahead: dict[tuple[str, Migrations], bool] = {}


def _is_ahead(version: str, needed: Migrations) -> bool:
    """A version that is not in the catalogue yet is asked for again; what a known one has never changes."""
    key = (version, needed)
    if key not in _known_ahead:
        found = SchemaVersion.objects.filter(pk=version).first()
        if found is None:
            return False
        _known_ahead[key] = {f"{app}.{name}" for app, name in needed} <= set(found.migrations)
    return _known_ahead[key]
