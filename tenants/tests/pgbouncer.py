"""PgBouncer in transaction mode in front of a PostgreSQL server."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from tenants.tests.waiting import wait_until

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

CONFIGURATION = """
[databases]
* = host={socket_dir} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {servers_each}
max_client_conn = 5000
max_db_connections = 0
server_idle_timeout = 600
logfile = {folder}/pgbouncer.log
pidfile =
"""


@contextmanager
def pgbouncer(socket_dir: str, port: int, *, servers_each: int = 5) -> Iterator[str]:
    """Run a pooler on loopback for the server whose socket is in `socket_dir`. Yields the start of its URL, to which a
    database's name is appended."""
    assert PROGRAM is not None
    owner = os.stat(socket_dir).st_uid  # it refuses to run as root; who owns the socket's folder can reach the socket
    with TemporaryDirectory() as folder:
        file = Path(folder) / "pgbouncer.ini"
        file.write_text(
            CONFIGURATION.format(socket_dir=socket_dir, port=port, folder=folder, servers_each=servers_each)
        )
        os.chown(folder, owner, -1)
        process = subprocess.Popen([PROGRAM, "-q", file], user=owner, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: _answers(port), else_say="PgBouncer does not answer")
            yield f"postgres://postgres@127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait(120)


def _answers(port: int) -> bool:
    try:
        psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
