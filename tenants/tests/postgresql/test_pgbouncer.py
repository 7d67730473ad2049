"""The service behind PgBouncer in transaction mode, which may run each transaction on another connection."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.db import connections
from msgspec.structs import replace

from tenants.current_casino import CurrentCasino
from tenants.databases.servers import database_settings, server_cursor
from tenants.errors import NoAnswer, WrongDatabase
from tenants.lifecycle.create import create_casino
from tenants.models import DatabaseServer
from tenants.postgresql.stalls import stalls
from tenants.postgresql.wait_budget import request_budget, waiting_within
from tenants.routing.connections import casino_atomic, casino_connection, execute
from tenants.routing.context import use_casino
from tenants.tests import fast_postgresql
from tenants.tests.casino_rows import User, make_user
from tenants.tests.pgbouncer import PROGRAM, pgbouncer
from tenants.tests.server_process import (
    SERVER_APART,
    ask,
    build_casinos,
    environment,
    free_port,
    gunicorn,
    needs_embedded,
    run_python,
    url_by_socket,
)
from tenants.tests.waiting import PATIENCE_SECONDS

pytestmark = [
    pytest.mark.slow,
    needs_embedded,
    pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed: apt-get install pgbouncer"),
]

THROUGH_THE_POOLER = [
    "recommendations/tests/api/test_config.py",
    "recommendations/tests/api/test_recommend.py",
    "recommendations/tests/api/test_purchase.py",
    "tenants/tests/orm/test_model.py",
    "tenants/tests/routing/test_connections.py",
    "tenants/tests/routing/test_context.py",
    "tenants/tests/databases/test_locks.py",
    "tenants/tests/lifecycle/test_create.py",
]


@pytest.fixture(scope="module")
def socket_dir() -> str:
    return fast_postgresql.ensure_running(SERVER_APART)


@pytest.fixture(scope="module")
def port(socket_dir: str) -> Iterator[int]:
    port = free_port()
    with pgbouncer(socket_dir, port):
        yield port


@pytest.fixture
def casino(real_databases: None, socket_dir: str, port: int, settings: Any) -> Iterator[CurrentCasino]:
    """A casino on a server that requests reach through the pooler."""
    login: dict[str, Any] = {"USER": "postgres", "PASSWORD": ""}
    direct = {"HOST": socket_dir, "PORT": "", "DISABLE_SERVER_SIDE_CURSORS": False, "OPTIONS": {}}
    pooled = {"HOST": "127.0.0.1", "PORT": str(port), "DISABLE_SERVER_SIDE_CURSORS": True}
    prepare_first = {"server_side_binding": True, "prepare_threshold": 0}  # the server address would refuse it
    settings.DATABASE_SERVERS = {
        "pooled": {
            "requests": {**login, **pooled, "OPTIONS": prepare_first},
            "direct": {**login, **direct},
        }
    }
    DatabaseServer.objects.create(name="pooled")
    casino = create_casino("Gamma", server="pooled").current
    yield casino
    with server_cursor(server="pooled") as cursor:
        cursor.execute(f"DROP DATABASE {casino.db_name} WITH (FORCE)")


@pytest.mark.exhaustive
def test_the_contract_holds_through_the_pooler(socket_dir, port, tmp_path):
    env = environment(
        f"postgres://postgres@127.0.0.1:{port}/recommendation_system",
        DATABASE_DIRECT_URL=url_by_socket(socket_dir, "recommendation_system"),
        LOCAL_DIR=str(tmp_path),
        PYTHONWARNINGS="",
    )
    run_python("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *THROUGH_THE_POOLER, env=env, timeout=900)


@pytest.mark.exhaustive
def test_pooler_that_no_setting_names_is_noticed_and_every_request_answered(socket_dir, port):
    """With prepared statements a fifth of the requests failed: the next one ran on another server connection."""
    direct = environment(url_by_socket(socket_dir, "pooler_unnamed"), CASINO_DATABASE_PREFIX="unnamed_casino_")
    first, second = build_casinos(direct)
    env = {**direct, "DATABASE_URL": f"postgres://postgres@127.0.0.1:{port}/pooler_unnamed"}
    with gunicorn("--threads", "8", env=env) as (web, _), ThreadPoolExecutor(8) as executor:
        statuses = executor.map(lambda number: ask(web, "/recommend/1", (first, second)[number % 2])[0], range(300))
        assert max(statuses) < 500
    command = [sys.executable, "manage.py", "create_catalogue"]
    ran = subprocess.run(
        command, env=env, cwd=django_settings.BASE_DIR, capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 1
    assert "DATABASE_URL leads through a connection pooler" in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("CommandError: No lock of catalogue holds through the")
    run_python("manage.py", "create_catalogue", env={**env, "DATABASE_DIRECT_URL": direct["DATABASE_URL"]})


def test_requests_use_the_pooler_and_direct_statements_do_not(casino, port, socket_dir):
    with use_casino(casino):
        assert casino_connection().settings_dict["PORT"] == str(port)
        with casino_connection().cursor() as cursor:
            cursor.execute("SELECT current_database(), current_setting('application_name')")
            assert cursor.fetchone() == (casino.db_name, casino.alias)
    assert database_settings("pooled", casino.db_name, direct=True)["HOST"] == socket_dir
    with server_cursor(server="pooled") as cursor:
        assert cursor.db.settings_dict["HOST"] == socket_dir


@pytest.mark.covered
def test_more_threads_than_server_connections_read_by_the_chunk(casino):
    with use_casino(casino):
        for number in range(50):
            make_user(f"User {number}")

    def read() -> list[str]:
        with use_casino(casino):
            return [user.name for user in User.objects.order_by("pk").iterator(chunk_size=7)]

    with ThreadPoolExecutor(8) as executor:
        answers = [executor.submit(read) for _ in range(24)]
        assert all(answer.result(PATIENCE_SECONDS) == [f"User {number}" for number in range(50)] for answer in answers)


@pytest.mark.covered
def test_repeated_statement_works_on_changing_server_connections(casino):
    def count_in_transactions() -> None:
        for _ in range(20):
            with use_casino(casino), casino_atomic():
                assert User.objects.filter(name="Nobody").count() == 0

    with ThreadPoolExecutor(8) as executor:
        for future in [executor.submit(count_in_transactions) for _ in range(8)]:
            future.result(PATIENCE_SECONDS)


def test_prepared_statements_are_planned_each_time_through_the_pooler(casino):
    def request() -> None:
        for number in range(20):
            sql, parameters = "SELECT %(number)s::int", {"number": number}
            with use_casino(casino), casino_connection().prepared_cursor() as cursor:
                cursor.execute(sql, parameters)
                assert cursor.fetchone() == (number,)
                assert casino_connection().query_prepared(sql, parameters) == [(number,)]

    with ThreadPoolExecutor(8) as executor:
        for future in [executor.submit(request) for _ in range(8)]:
            future.result(PATIENCE_SECONDS)


def test_wrong_database_is_detected_through_the_pooler(casino):
    stranger = replace(casino, generation=2, identity=uuid4())
    with pytest.raises(WrongDatabase), use_casino(stranger):
        User.objects.count()


def test_locked_casino_behind_the_pooler_is_no_hung_server(casino):
    """The pooler's sessions are shared, so that the server has no time-outs for requests: only the client gives up."""
    with use_casino(casino), casino_atomic():
        execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")

        def request() -> None:
            with waiting_within(request_budget(3)), use_casino(casino):
                User.objects.count()

        with ThreadPoolExecutor(2) as executor:
            for future in [executor.submit(request) for _ in range(2)]:
                with pytest.raises(NoAnswer, match="no answer for"):
                    future.result(60)
    assert stalls.silent_servers() == []
    with use_casino(casino), casino_connection().cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
        assert cursor.fetchone() == ("0", "0")


def test_casinos_connection_survives_the_end_of_the_poolers_server_connections(casino):
    with use_casino(casino):
        make_user("Ada")
    with server_cursor(server="pooled") as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [casino.db_name]
        )

    def read() -> str:
        with use_casino(casino):
            return str(User.objects.get().name)

    with ThreadPoolExecutor(4) as executor:
        assert set(executor.map(lambda _: read(), range(8))) == {"Ada"}
    connections["default"].close()
