"""Counts a process's database connections from outside."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg


@dataclass
class MaximumConnections:
    """Maxima over time: sockets of the process, and sessions of the database server."""

    sockets: int = 0
    sessions: int = 0


@contextmanager
def most_connections(pid: int, socket_dir: str) -> Iterator[MaximumConnections]:
    """Count every 10 ms. The sessions of all clients count, on the server whose socket is in `socket_dir`."""
    maximum, done = MaximumConnections(), threading.Event()

    def count() -> None:
        process = psutil.Process(pid)
        with psycopg.connect(host=socket_dir, user="postgres", dbname="postgres", autocommit=True) as server:
            while not done.wait(0.01):
                maximum.sessions = max(maximum.sessions, _sessions(server))
                try:
                    maximum.sockets = max(maximum.sockets, len(process.net_connections("all")))
                except psutil.NoSuchProcess:
                    return

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield maximum
    finally:
        done.set()
        thread.join()


def _sessions(server: "psycopg.Connection[Any]") -> int:
    """All client sessions except this one."""
    row = server.execute(
        "SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname IS NOT NULL"
    ).fetchone()
    assert row is not None
    return int(row[0])
