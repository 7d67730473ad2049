import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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


def _start_another_process(**environment):
    """A process that uses the server until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", USE_SERVER, str(DATA_DIR)],
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
