"""How many connections to databases a process has, counted from outside it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg


@dataclass
class Most:
    """The most that were seen at once: sockets that the process had, and sessions that the server had."""

    sockets: int = 0
    sessions: int = 0


@contextmanager
def most_connections(pid: int, socket_dir: str) -> Iterator[Most]:
    """Counts now and then. The sessions are of whoever asks the server whose socket is in `socket_dir`."""
    most, done = Most(), threading.Event()

    def count() -> None:
        process = psutil.Process(pid)
        with psycopg.connect(host=socket_dir, user="postgres", dbname="postgres", autocommit=True) as server:
            while not done.wait(0.01):
                most.sessions = max(most.sessions, _sessions(server))
                try:
                    most.sockets = max(most.sockets, len(process.net_connections("all")))
                except psutil.NoSuchProcess:
                    return

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


def _sessions(server: "psycopg.Connection[Any]") -> int:
    """As the server counts them, without this one."""
    row = server.execute(
        "SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname IS NOT NULL"
    ).fetchone()
    assert row is not None
    return int(row[0])
