"""One process that serves casinos round-robin through Django's WSGI handler; started by `benchmarks.connections`.

`python -m benchmarks.one_process CASINOS THREADS REQUESTS` requests `/recommend` of the first CASINOS casinos, after
one warm-up request each, and prints the measurements as JSON (times in seconds).
"""

import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import cycle, islice

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

from .in_process import get  # isort: skip  (sets Django up for the imports below)

from django.db import close_old_connections, connections

from tenants.models import Casino
from tenants.routing.connections import Databases, casino_connection, connection_metrics
from tenants.routing.context import use_casino


def main(casinos: int, threads: int, requests: int) -> None:
    served = list(Casino.objects.order_by("pk")[:casinos])
    ids = [casino.pk for casino in served]
    for casino_id in ids:
        get("/recommend/1", casino_id)
    connections["default"].close()  # only the worker threads' connections count
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as executor:
        shares = [_share(ids, thread, threads, requests) for thread in range(threads)]
        latencies = [seconds for taken in executor.map(_request_all, shares) for seconds in taken]
        threads_seen = threading.active_count()
    databases = connections.settings
    assert isinstance(databases, Databases)
    print(
        json.dumps(
            {
                "p50": statistics.median(latencies),
                "p99": statistics.quantiles(latencies, n=100)[98],
                "rate": len(latencies) / (time.perf_counter() - started),
                "threads": threads_seen - threads,
                "switch": _switch_seconds(served),
                "close_old_connections": _median_seconds(close_old_connections),
                "known": len(databases.casino_databases),
                **asdict(connection_metrics()),
            }
        )
    )


def _share(ids: list[int], thread: int, threads: int, requests: int) -> list[int]:
    """The casinos for the requests of one thread, which cycles through all from its own start."""
    begin = thread * len(ids) // threads
    return list(islice(cycle(ids[begin:] + ids[:begin]), requests // threads))


def _request_all(ids: list[int]) -> list[float]:
    taken = []
    for casino_id in ids:
        started = time.perf_counter()
        get("/recommend/1", casino_id)
        taken.append(time.perf_counter() - started)
    connections["default"].close()
    return taken


def _switch_seconds(served: list[Casino]) -> float:
    """Seconds to enter a casino, open a cursor on a warm connection and check it in; alternating two casinos."""
    pair = [casino.current for casino in served[:2]]

    def switch_twice() -> None:
        for casino in pair:
            with use_casino(casino), casino_connection().cursor():
                pass

    return _median_seconds(switch_twice) / len(pair)


def _median_seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(3_000):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
