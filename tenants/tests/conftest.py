"""Real databases, for tests of what makes, migrates and drops them.

`casino_a` and `casino_b` of the project's conftest live in transactions that are rolled back, and Django's test cases
refuse every alias that is registered during a test. So a test that really makes databases asks for `real_databases`
instead of `db`: what it does is committed, and the fixture cleans up after it: it drops the databases, deletes the
catalogue's rows and forgets the aliases.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User as StaffUser
from django.contrib.sessions.models import Session
from django.db import connections
from django.test.utils import setup_databases, teardown_databases

from tenants import connections as casino_connections
from tenants.models import Casino
from tenants.server import quoted, server_cursor

# Real casinos are numbered from here; smaller numbers belong to the predeclared casinos' databases.
FIRST_ID = 1_000
MADE_DATABASES = "^test_casino_([0-9]{4,}|template)$"
ALIASES: Any = {"default"}  # django-stubs take it for a mapping
COMMITTED_MODELS = [Casino, LogEntry, Session, StaffUser]


@pytest.fixture(scope="session")
def committed_catalogue(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The catalogue's test database, also where no test that was selected asks for `db`."""
    with django_db_blocker.unblock():
        made = [] if _is_test_catalogue() else setup_databases(verbosity=0, interactive=False, aliases=ALIASES)
        assert _is_test_catalogue()
        _drop_databases(MADE_DATABASES)
        with server_cursor() as cursor:
            cursor.execute("SELECT setval('casinos_id_seq', %s, false)", [FIRST_ID])
    yield
    with django_db_blocker.unblock():
        _drop_databases(MADE_DATABASES)
        teardown_databases(made, verbosity=0)


@pytest.fixture
def real_databases(committed_catalogue: None, known_aliases: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        try:
            yield
        finally:
            for model in COMMITTED_MODELS:
                model._default_manager.all().delete()
            for alias in set(connections) - {"default"}:
                connections[alias].close()
            _drop_databases(MADE_DATABASES.replace("|template", ""))


@pytest.fixture
def known_aliases() -> Iterator[None]:
    """Forgets the aliases that a test registers."""
    before = set(connections)
    yield
    for alias in set(connections) - before:
        casino_connections.forget(alias)


def _is_test_catalogue() -> bool:
    return str(connections["default"].settings_dict["NAME"]).startswith("test_")


def _drop_databases(pattern: str) -> None:
    with server_cursor("postgres") as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname ~ %s", [pattern])
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP DATABASE {quoted(name)} WITH (FORCE)")
