"""Runs work in several threads at the same time, each with its own connections."""

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections

from tenants.models import Casino
from tenants.routing.context import use_casino

THREADS = 4


def run_threads(casino: Casino, work: Callable[[int], Any]) -> list[Any]:
    """Run `work(number)` in `THREADS` threads that start together. Re-raises an exception of any thread."""
    start = threading.Barrier(THREADS)

    def run(number: int) -> Any:
        try:
            with use_casino(casino.current):
                start.wait()
                return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def shuffled(rows: Sequence[Any], seed: int) -> list[Any]:
    return random.Random(seed).sample(rows, len(rows))
