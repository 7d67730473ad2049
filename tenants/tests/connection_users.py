"""Threads that use casinos' connections, and the connection counts of the server and the pool."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from django.db import connections

from tenants.current_casino import CurrentCasino
from tenants.routing.connections import casino_connection, connection_metrics
from tenants.routing.context import use_casino

R = TypeVar("R")


def in_thread(work: Callable[[], R]) -> R:
    """Run `work` in a thread, wait for the thread's end, and return the result."""

    def run() -> R:
        try:
            return work()
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(1) as executor:
        return executor.submit(run).result(timeout=120)


@contextmanager
def holding(casino: CurrentCasino) -> Iterator[None]:
    """Another thread has a connection to this casino inside the block."""
    has_it, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with use_casino(casino):
            casino_connection().ensure_connection()
            has_it.set()
            may_end.wait(120)

    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(hold)
        assert has_it.wait(120)
        try:
            yield
        finally:
            may_end.set()
            future.result(60)


def backend() -> int:
    """The id of the server process behind this thread's connection to the current casino."""
    with casino_connection().cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def backend_of(casino: CurrentCasino) -> int:
    with use_casino(casino):
        return backend()


def execute(sql: str) -> None:
    with casino_connection().cursor() as cursor:
        cursor.execute(sql)


def kill(pid: int) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def metrics() -> tuple[int, int]:
    """(in use, idle)"""
    now = connection_metrics()
    return now.in_use, now.idle
