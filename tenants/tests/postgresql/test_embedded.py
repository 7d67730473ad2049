import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from tenants.errors import EmbeddedServerFailed
from tenants.postgresql.embedded import bin_dir, ensure_running

DATA_DIR = settings.EMBEDDED_POSTGRES_DIR or Path()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not settings.EMBEDDED_POSTGRES_DIR, reason="DATABASE_URL names another server"),
]

USE_SERVER = """
import sys
from pathlib import Path
from tenants.postgresql.embedded import ensure_running
print(ensure_running(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def socket_dir():
    return ensure_running(DATA_DIR)


def _start_another_process(data_dir=DATA_DIR, **environment):
    """A process that uses the server until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", USE_SERVER, str(data_dir)],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def _processes_using_the_server():
    return json.loads((DATA_DIR / ".handle_pids.json").read_text())


def test_server_is_started_once_and_its_socket_is_the_connections_host(socket_dir, db):
    with ThreadPoolExecutor(4) as executor:
        assert set(executor.map(ensure_running, [DATA_DIR] * 4)) == {socket_dir}
    connection = connections["default"]
    assert connection.get_connection_params()["host"] == socket_dir
    assert stat.S_ISSOCK((Path(socket_dir) / ".s.PGSQL.5432").stat().st_mode)


def test_psql_is_that_of_the_server(socket_dir):
    assert os.access(bin_dir(DATA_DIR) / "psql", os.X_OK)
    psql = [
        bin_dir(DATA_DIR) / "psql",
        "-h",
        socket_dir,
        "-U",
        "postgres",
        "-tA",
        "-c",
        "SHOW data_directory",
        "postgres",
    ]
    assert subprocess.check_output(psql, text=True).strip() == str(DATA_DIR)


def test_killed_process_is_removed_by_the_next_that_ends_and_the_server_stays_up():
    killed, _ = _start_another_process()
    killed.kill()
    killed.communicate()
    assert killed.pid in _processes_using_the_server()
    ending, socket_dir = _start_another_process()
    assert ending.pid in _processes_using_the_server()
    ending.communicate()
    left = _processes_using_the_server()
    assert os.getpid() in left
    assert not {killed.pid, ending.pid} & set(left)
    assert (Path(socket_dir) / ".s.PGSQL.5432").exists()


def test_server_that_does_not_start_is_reported_with_what_to_do(tmp_path):
    data_dir = tmp_path / "made" / "postgres"
    data_dir.mkdir(parents=True)
    (data_dir / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedServerFailed, match=f"{data_dir} does not start: .*set DATABASE_URL"):
        ensure_running(data_dir)


def test_lock_file_of_another_user_does_not_block_this_one(tmp_path, socket_dir):
    (tmp_path / ".lockfile").mkdir()  # can't be opened, like a file of another user
    process, seen = _start_another_process(TMPDIR=str(tmp_path), XDG_RUNTIME_DIR=str(tmp_path / "none"))
    process.communicate()
    assert (seen, process.returncode) == (socket_dir, 0)


def _pg_ctl(programs: Path, data_dir: Path, *arguments: str) -> None:
    command = [str(programs / "pg_ctl"), "-D", str(data_dir), *arguments]
    subprocess.run(command, user=data_dir.stat().st_uid, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def slow_recovery(folder: Path, seconds: float) -> Iterator[Path]:
    """A stopped server's folder: its next start recovers, for several times as many seconds."""
    data_dir = folder / "postgres"
    ensure_running(data_dir)
    programs = bin_dir(data_dir)
    _pg_ctl(programs, data_dir, "-w", "-m", "immediate", "stop")
    with (data_dir / "postgresql.conf").open("a") as file:
        file.write(f"restore_command = 'sleep {seconds}; false'\nhot_standby = off\n")
    (data_dir / "recovery.signal").touch()
    os.chown(data_dir / "recovery.signal", data_dir.stat().st_uid, -1)
    try:
        yield data_dir
    finally:
        _pg_ctl(programs, data_dir, "-w", "-m", "immediate", "stop")


def test_process_that_finds_a_recovering_server_waits_for_it(tmp_path):
    with slow_recovery(tmp_path, 1) as data_dir:
        options = ("-l", str(data_dir / "log"), "-o", f'-h "" -k {data_dir}')
        _pg_ctl(bin_dir(DATA_DIR), data_dir, "-W", *options, "start")
        process, socket_dir = _start_another_process(data_dir)
        psycopg.connect(host=socket_dir, user="postgres", dbname="postgres").close()
        process.communicate()


@pytest.mark.exhaustive
def test_server_that_recovers_for_longer_than_the_wheel_waits_is_waited_for(tmp_path):
    with slow_recovery(tmp_path, 5) as data_dir:
        began = time.monotonic()
        socket_dir = ensure_running(data_dir)
        assert time.monotonic() - began > 10, "the recovery was too quick to show anything"
        psycopg.connect(host=socket_dir, user="postgres", dbname="postgres").close()
