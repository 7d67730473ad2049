"""How many connections to databases a process has, counted from outside it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import psycopg


@contextmanager
def most_connections(pid: int, socket_dir: str) -> Iterator[list[int]]:
    """Counts, now and then, the sockets by which this process reaches databases."""
    counts, done = [0], threading.Event()

    def count() -> None:
        process = psutil.Process(pid)
        with psycopg.connect(host=socket_dir, user="postgres", dbname="postgres", autocommit=True) as server:
            while not done.wait(0.02):
                try:
                    tcp = len(process.net_connections("tcp"))
                except psutil.NoSuchProcess:
                    return
                counts.append(tcp or _sessions(server))

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield counts
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
