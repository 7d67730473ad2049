"""Real databases, for tests of creating, migrating and dropping them.

`casino_a` and `casino_b` of the project's conftest live in transactions that are rolled back, and Django's test cases
refuse every alias that is registered during a test. A test that really creates databases uses `real_databases` instead
of `db`: its changes are committed, and the fixture then drops the databases and the roles, empties the catalogue's
tables and unregisters the aliases. `second_server` adds a second PostgreSQL server to it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User as StaffUser
from django.contrib.sessions.models import Session
from django.db import connections
from django.test.utils import setup_databases, teardown_databases

from tenants.current_casino import MAIN
from tenants.databases.servers import quoted, server_cursor
from tenants.models import Casino, DatabaseServer, MigrationRun, PrivacyRecord, SchemaVersion, UnassignedDeadLetter
from tenants.routing import connections as casino_connections
from tenants.routing.context import use_casino

from . import fast_postgresql
from .equal_key_rows import Rows, make_rows

# The first id of real casinos; smaller ids belong to the predeclared casinos' databases.
FIRST_ID = 1_000
CASINO_DATABASES = "^test_casino_[0-9]{4,}(_g[0-9]+)?$"
TEMPLATES = "^test_casino_template$"
ROLES = "^test_casino_[0-9]{4,}$"
ALIASES: Any = {"default"}  # django-stubs take it for a mapping
# with all rows that refer to them
COMMITTED_MODELS: list[Any] = [
    Casino,
    DatabaseServer,
    MigrationRun,
    SchemaVersion,
    PrivacyRecord,
    UnassignedDeadLetter,
    LogEntry,
    Session,
    StaffUser,
]


@pytest.fixture(scope="session")
def committed_catalogue(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The catalogue's test database, even if no selected test uses `db`."""
    with django_db_blocker.unblock():
        made = [] if _is_test_catalogue() else setup_databases(verbosity=0, interactive=False, aliases=ALIASES)
        assert _is_test_catalogue()
        _drop_databases(CASINO_DATABASES, TEMPLATES)
        with server_cursor() as cursor:
            cursor.execute("SELECT setval('casinos_id_seq', %s, false)", [FIRST_ID])
    yield
    with django_db_blocker.unblock():
        _drop_databases(CASINO_DATABASES, TEMPLATES)
        teardown_databases(made, verbosity=0)


@pytest.fixture
def real_databases(
    committed_catalogue: None, known_aliases: None, django_db_blocker: Any, settings: Any, tmp_path: Path
) -> Iterator[None]:
    settings.BACKUP_DIR = tmp_path / "backups"
    settings.CASINO_MOVE_GRACE_SECONDS = 0
    with django_db_blocker.unblock():
        try:
            yield
        finally:
            _empty_catalogue()
            for alias in set(connections) - {"default"}:
                connections[alias].close()
            _drop_databases(CASINO_DATABASES, with_roles=True)


@pytest.fixture
def own_template(real_databases: None) -> Iterator[None]:
    """For tests of other releases' migrations: drops the template that they leave."""
    yield
    _drop_databases(TEMPLATES)


@pytest.fixture
def known_aliases() -> Iterator[None]:
    """Unregisters the aliases that a test has registered."""
    before = set(_registered_aliases())
    yield
    for alias in set(_registered_aliases()) - before:
        casino_connections.forget_alias(alias)


@pytest.fixture(scope="session")
def second_postgres() -> str:
    """The folder of a second embedded server's socket."""
    if django_settings.EMBEDDED_POSTGRES_DIR is None:
        pytest.skip("a second server is only there where PostgreSQL is embedded")
    return fast_postgresql.ensure_running(django_settings.LOCAL_DIR / "postgres-second")


@pytest.fixture
def second_server(real_databases: None, second_postgres: str, settings: Any) -> Iterator[DatabaseServer]:
    """A server `east` in the environment and the catalogue, without a casino."""
    address = {
        "HOST": second_postgres,
        "PORT": "",
        "USER": "postgres",
        "PASSWORD": "",
        "OPTIONS": {},
        "DISABLE_SERVER_SIDE_CURSORS": False,
    }
    settings.DATABASE_SERVERS = {"east": {"requests": address, "direct": address}}
    _drop_databases(CASINO_DATABASES, TEMPLATES, server="east")
    yield DatabaseServer.objects.create(name="east")
    _drop_databases(CASINO_DATABASES, server="east", with_roles=True)


def _is_test_catalogue() -> bool:
    return str(connections["default"].settings_dict["NAME"]).startswith("test_")


def _registered_aliases() -> list[str]:
    return list(getattr(connections.settings, "casino_databases", ()))


def _empty_catalogue() -> None:
    """Empty the catalogue, and restore the row that the migrations create: the server `main`."""
    tables = ", ".join(quoted(model._meta.db_table) for model in COMMITTED_MODELS)
    with connections["default"].cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables} CASCADE")
    DatabaseServer.objects.create(name=MAIN)


def _drop_databases(*patterns: str, server: str = MAIN, with_roles: bool = False) -> None:
    with server_cursor("postgres", server=server) as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname ~ ANY(%s)", [list(patterns)])
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP DATABASE {quoted(name)} WITH (FORCE)")
        if with_roles:
            cursor.execute("SELECT rolname FROM pg_roles WHERE rolname ~ %s", [ROLES])
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP ROLE {quoted(name)}")


@pytest.fixture
def of_a(casino_a: Casino) -> Rows:
    return make_rows(casino_a, "A")


@pytest.fixture
def of_b(casino_b: Casino) -> Rows:
    return make_rows(casino_b, "B")


@pytest.fixture
def in_b(of_a: Rows, casino_b: Casino, of_b: Rows) -> Iterator[None]:
    """Casino B is current, and both casinos have rows with the same keys."""
    with use_casino(casino_b.current):
        yield
