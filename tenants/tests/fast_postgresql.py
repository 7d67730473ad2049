"""Embedded servers of the tests' own: they write to the disk when it suits the operating system, not at every commit.

What is lost by it is lost when the machine dies, not when a client, or the server, is killed. Making and dropping a
database, which the tests do many hundred times, takes half the time.
"""

import os
from pathlib import Path

import psycopg

from tenants.postgresql import embedded


def ensure_running(data_dir: Path) -> str:
    """Start the server as `tenants.postgresql.embedded` does, with fsync off in a test worker's folder."""
    socket_dir = embedded.ensure_running(data_dir)
    if "PYTEST_XDIST_WORKER" in os.environ:
        with psycopg.connect(host=socket_dir, user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
    return socket_dir
