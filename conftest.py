"""Fixtures of all tests: a real PostgreSQL with a catalogue and two casinos, each in a database of its own.

`casino_a` and `casino_b` (ids 1 and 2) have predeclared aliases, so that Django's transactional test cases know them:
each test's changes to all three databases are rolled back. Ask for the fixtures; enter a casino with
`with use_casino(casino_a.current): ...`.

Tests have a LOCAL_DIR of their own, which the processes that they start inherit, and in it PostgreSQL servers that
never wait for the disk (`tenants/tests/fast_postgresql.py`). With `pytest -n 2` each worker has its own: workers share
nothing. Servers that the environment names exist once: then all tests run one after the other, whatever `-n` says.
"""

import copy
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connections
from django.test import TestCase, TransactionTestCase
from hypothesis import settings as hypothesis_settings

from operations.gc_tuning import collect_rarely
from tenants.current_casino import MAIN
from tenants.models import Casino, CasinoDatabase, CasinoState
from tenants.process_state import reset_process_state
from tenants.schema.version import code_version
from tenants.tests import fast_postgresql
from tenants.tests.database_creation import TestDatabaseCreation
from tenants.tests.emptying import empty_databases, roll_back
from tenants.tests.exhaustive import IS_EXHAUSTIVE

CASINO_ALIASES = ["casino_1", "casino_2"]
PROCESSES_AND_DATABASES = {"real_databases", "second_postgres", "broker", "live_server"}
REQUESTS = {"caller_a", "caller_b", "client", "staff"}
SLOW_FIXTURES = PROCESSES_AND_DATABASES | REQUESTS
# pytest-django sets these up for each test, and they do nothing without the mark.
FIXTURES_OF_MARKS = {
    "_django_isolate_apps": "django_isolate_apps",
    "_django_set_urlconf": "urls",
    "_template_string_if_invalid_marker": "ignore_template_errors",
}
# They are for django.contrib.sites, and for subclasses of Django's TestCase; this project has neither.
UNUSED_FIXTURES = {"_django_clear_site_cache", "_django_setup_unittest"}

hypothesis_settings.register_profile("sample", deadline=None, max_examples=10)
hypothesis_settings.register_profile("exhaustive", deadline=None, max_examples=50)
hypothesis_settings.load_profile("exhaustive" if IS_EXHAUSTIVE else "sample")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Runs before pytest-xdist's own hook, which reads `-n`."""
    if settings.DATABASE_URL or settings.KAFKA_BOOTSTRAP_SERVERS:
        config.option.numprocesses = 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    fast_postgresql.create_system_user()
    for spec in specs:
        spec.env["LOCAL_DIR"] = str(settings.LOCAL_DIR.with_name(spec.id))


def pytest_configure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = fast_postgresql.folder_of_tests(settings.LOCAL_DIR)
        _move_local_dir(folder / "main")
        if folder.is_relative_to(fast_postgresql.MEMORY):
            folder.mkdir(exist_ok=True)  # pytest creates `tmp` only
            config.option.basetemp = config.option.basetemp or str(folder / "tmp")
    TransactionTestCase._fixture_teardown = empty_databases  # type: ignore[attr-defined]  # missing in django-stubs
    TestCase._fixture_teardown = roll_back  # type: ignore[attr-defined]
    settings.RECSYS_OPEN_API = True
    settings.PUBLISH_RECOMMENDATIONS = False  # a broker that runs beside the tests is not theirs
    settings.CATALOGUE_LEASE_SECONDS = 0
    settings.API_REQUESTS_PER_SECOND = 0
    settings.API_KEY_USE_SECONDS = 0  # written by a thread, which sees nothing of a test's transaction
    settings.HTTPS = settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CASINO_DATABASE_PREFIX = "test_casino_"
    for alias in CASINO_ALIASES:
        settings.DATABASES[alias] = copy.deepcopy(settings.DATABASES["default"]) | {"NAME": alias}


def _move_local_dir(folder: Path) -> None:
    """pytest-django reads the settings before this file."""
    os.environ["LOCAL_DIR"] = str(folder)
    moved = {"LOCAL_DIR": folder, "EMBEDDED_BROKER_FILE": folder / settings.EMBEDDED_BROKER_FILE.name}
    if settings.EMBEDDED_POSTGRES_DIR:
        moved["EMBEDDED_POSTGRES_DIR"] = folder / settings.EMBEDDED_POSTGRES_DIR.name
    for name, value in moved.items():
        setattr(settings, name, value)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Exclude imported and collected objects, which stay until the end, from garbage collections."""
    gc.disable()
    admin.autodiscover()  # as the URLs do, which a test that asks the admin may not have imported
    try:
        with Coverage.paused():
            return (yield)
    finally:
        gc.freeze()
        collect_rarely()
        gc.enable()


class Coverage:
    """Measures the tests and the set-up of their fixtures, and nothing around them: of a short test, twice as much time
    goes into the measuring of pytest and of Django's test cases as into the test. Blocks may stand in each other."""

    _tracer: Any = None  # the latest
    _resumed = 0  # blocks

    @classmethod
    @contextmanager
    def paused(cls) -> Iterator[None]:
        is_measuring = sys.gettrace() is not None
        cls._tracer = sys.gettrace() or cls._tracer
        sys.settrace(None)
        try:
            yield
        finally:
            if is_measuring:
                sys.settrace(sys.gettrace() or cls._tracer)

    @classmethod
    @contextmanager
    def resumed(cls) -> Iterator[None]:
        """To be used inside `paused`, which may have ended early: `no_cover` stops and starts the measuring, which goes
        on until the end of the next such block."""
        cls._tracer = sys.gettrace() or cls._tracer
        cls._resumed += 1
        sys.settrace(cls._tracer)
        try:
            yield
        finally:
            cls._resumed -= 1
            if not cls._resumed:
                sys.settrace(None)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """Importing tests imports what they test: the same in each worker, so that one measures it for all."""
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0":
        return (yield)
    with Coverage.resumed():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Iterator[None]:
    with Coverage.paused():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop() -> Iterator[None]:
    with Coverage.paused():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: Any) -> Iterator[None]:
    is_ours = fixturedef.scope == "session" or ".tests." in fixturedef.func.__module__
    if not is_ours or not _is_measured(request.node):
        return (yield)
    with Coverage.resumed():
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that use the database use all three. Those that send requests, or have databases or a broker of their own,
    are slow."""
    for item in items:
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("slow")
        if hasattr(item, "fixturenames"):
            _leave_out_unused_fixtures(item)
        uses_database = {"casino_a", "casino_b", "db"} & set(getattr(item, "fixturenames", ()))
        if uses_database and item.get_closest_marker("django_db") is None:
            item.add_marker(pytest.mark.django_db(databases=["default", *CASINO_ALIASES]))


def _leave_out_unused_fixtures(item: Any) -> None:
    """Setting up a fixture that does nothing takes .1 ms, and there are ten thousand tests."""
    unused = UNUSED_FIXTURES | {name for name, mark in FIXTURES_OF_MARKS.items() if not item.get_closest_marker(mark)}
    if "live_server" not in item.fixturenames:
        unused.add("_live_server_helper")
    item.fixturenames = [name for name in item.fixturenames if name not in unused]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """`no_cover` is for tests that go over the same lines thousands of times, which to measure takes twice the time. It
    holds for the processes that such a test starts, too."""
    if item.get_closest_marker("no_cover"):
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
            return (yield)
    if not _is_measured(item):
        return (yield)
    with Coverage.resumed():
        return (yield)


def _is_measured(node: Any) -> bool:
    return not any(node.get_closest_marker(name) for name in ("no_cover", "covered"))


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Replaces pytest-django's fixture, which gives each worker's databases other names: here each worker has its own
    server."""
    if settings.EMBEDDED_POSTGRES_DIR:
        fast_postgresql.ensure_running(settings.EMBEDDED_POSTGRES_DIR)
    for connection in connections.all():
        connection.creation = TestDatabaseCreation(connection)


@pytest.fixture
def casino_a(db: Any) -> Casino:
    return _make_casino(1, "Alpha")


@pytest.fixture
def casino_b(db: Any) -> Casino:
    return _make_casino(2, "Beta")


@pytest.fixture
def fresh_ids(casino_a: Casino) -> None:
    """The next id handed out in casino A is 1; rolled back with the test, unlike what sequences usually do: another
    test may have raised them above all ids that a casino may choose."""
    with connections["casino_1"].cursor() as cursor:
        for table in ("users", "events", "purchased_coupons"):
            cursor.execute(f"ALTER SEQUENCE {table}_id_seq RESTART")


@pytest.fixture(autouse=True)
def _new_process_state() -> None:
    """Caches can't notice a test's rollback: in operation, other rows have other times or versions."""
    with Coverage.resumed():
        reset_process_state()


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def _make_casino(casino_id: int, name: str) -> Casino:
    db_name = connections[f"casino_{casino_id}"].settings_dict["NAME"]
    casino = Casino.objects.create(
        id=casino_id,
        name=name,
        identity=UUID(int=casino_id),
        server_id=MAIN,
        db_name=db_name,
        generation=1,
        schema_version=code_version(),
        state=CasinoState.ACTIVE,
    )
    CasinoDatabase.objects.create(casino=casino, generation=1, server_id=MAIN, db_name=db_name)
    return casino
