"""A restart of the PostgreSQL server: an outage while it is down, and no failed request after it."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import psycopg
import pytest

from tenants.postgresql import embedded
from tenants.tests import fast_postgresql
from tenants.tests.server_process import (
    SERVER_APART,
    ask,
    build_casinos,
    environment,
    gunicorn,
    needs_embedded,
    url_by_socket,
)
from tenants.tests.waiting import require_quick

pytestmark = [pytest.mark.slow, needs_embedded]

THREADS = 4


@pytest.fixture
def socket_dir() -> Iterator[str]:
    yield fast_postgresql.ensure_running(SERVER_APART)
    embedded.ensure_running(SERVER_APART)


def pg_ctl(action: str, *options: str) -> None:
    subprocess.run(
        [embedded.bin_dir(SERVER_APART) / "pg_ctl", "-w", "-D", SERVER_APART, *options, action],
        user=SERVER_APART.stat().st_uid,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
    )


def postmaster() -> psutil.Process:
    return psutil.Process(int((SERVER_APART / "postmaster.pid").read_text().split()[0]))


def test_dead_server_is_started_again(socket_dir):
    before = postmaster()
    pg_ctl("stop", "-m", "immediate")
    assert embedded.ensure_running(SERVER_APART) == socket_dir
    assert postmaster() != before
    psycopg.connect(host=socket_dir, user="postgres", dbname="postgres").close()


def test_server_restarted_by_another_process_is_not_started_twice(socket_dir):
    log = SERVER_APART / "log"
    pg_ctl("restart", "-m", "fast", "-l", str(log))
    restarted = postmaster()
    assert embedded.ensure_running(SERVER_APART) == socket_dir
    assert postmaster() == restarted


def test_concurrent_threads_start_the_server_once(socket_dir):
    pg_ctl("stop", "-m", "fast")
    with ThreadPoolExecutor(4) as executor:
        assert set(executor.map(embedded.ensure_running, [SERVER_APART] * 4)) == {socket_dir}


@pytest.mark.exhaustive
@pytest.mark.no_cover
@pytest.mark.parametrize("mode", ["fast", pytest.param("immediate", marks=pytest.mark.exhaustive)])
def test_requests_get_503_during_the_outage_and_succeed_at_once_afterwards(socket_dir, mode):
    env = environment(url_by_socket(socket_dir, "recommendation_system"))
    casino_ids = build_casinos(env)
    options = ("--worker-class", "gthread", "--workers", "1", "--threads", str(THREADS))
    with gunicorn(*options, env=env) as (port, _), ThreadPoolExecutor(THREADS) as askers:

        def request_all() -> list[tuple[int, str | None]]:
            """Request both casinos in every thread of the worker."""
            answers = askers.map(lambda number: ask(port, "/recommend/1", casino_ids[number % 2]), range(4 * THREADS))
            return [(status, headers["Retry-After"]) for status, headers in answers]

        assert set(request_all()) == {(404, None)}  # no such user: both databases were queried
        pg_ctl("stop", "-m", mode)

        def require_503() -> None:
            assert set(request_all()) == {(503, "1")}

        require_quick(require_503, 10)
        embedded.ensure_running(SERVER_APART)
        assert set(request_all()) == {(404, None)}
        pg_ctl("restart", "-m", mode, "-l", str(SERVER_APART / "log"))
        assert set(request_all()) == {(404, None)}
