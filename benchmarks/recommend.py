"""How fast `/recommend` answers on 5,000 events, 2,000 users and 20,000 coupons, next to a bare view of one server.

Prints p50, p99 and requests a second of each recommender, and their ratio to the bare view; in every round each is
asked in turn, so that whatever else the machine does falls on all of them.
"""

import http.client
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

from django.utils import timezone
from rich.console import Console
from rich.table import Table

from benchmarks.casino import COUPONS, EVENTS, USERS, build_casino
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.services import configure
from tenants.models import Casino

PORT = 8765
ROUNDS, REQUESTS, WORKERS = 3, 200, 8
SCHEMA = {"user_id": "int", "stake": "float", "timestamp": "float", "recommended_events": "list"}

Ask = Callable[[http.client.HTTPConnection], None]


def main() -> None:
    console = Console()
    with console.status("Building the casino"):
        casino = build_casino()
    with _server(), console.status("Measuring"):
        latencies: dict[str, list[float]] = {}
        rates: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for name in ("bare", *RECOMMENDERS):
                ask = _prepare(casino, name)
                latencies.setdefault(name, []).extend(_latencies(ask))
                rates.setdefault(name, []).append(_rate(ask))
    console.print(_table(latencies, rates))


def _prepare(casino: Casino, name: str) -> Ask:
    if name == "bare":
        return lambda connection: _get(connection, "/bare", {})
    configure(casino=casino, recommender_type=name, recommendation_schema=SCHEMA, now=timezone.now())
    headers = {"Casino-ID": str(casino.pk)}
    return lambda connection: _get(connection, f"/recommend/{random.randint(1, USERS)}", headers)


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> None:
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise SystemExit(f"{path} answered {response.status}: {body[:200]!r}")


def _latencies(ask: Ask) -> list[float]:
    """Seconds of one request after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    for _ in range(10):
        ask(connection)
    taken = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        ask(connection)
        taken.append(time.perf_counter() - started)
    connection.close()
    return taken


def _rate(ask: Ask) -> float:
    """Requests a second with several askers at once."""

    def work(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        for _ in range(REQUESTS // 2):
            ask(connection)
        connection.close()

    started = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))
    return WORKERS * (REQUESTS // 2) / (time.perf_counter() - started)


@contextmanager
def _server() -> Any:
    arguments = ("benchmarks.server", "--bind", f"127.0.0.1:{PORT}", "--worker-class", "gthread", "--threads", "8")
    command = (sys.executable, "-m", "gunicorn", *arguments, "--log-level", "error", "--no-control-socket")
    process = subprocess.Popen(
        command, env={**os.environ, "RECSYS_OPEN_API": "1", "HTTPS": "0", "PYTHONWARNINGS": "ignore"}
    )
    try:
        _wait_for_server()
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait_for_server() -> None:
    for _ in range(100):
        try:
            return _get(http.client.HTTPConnection("127.0.0.1", PORT), "/bare", {})
        except OSError:
            time.sleep(0.2)
    raise SystemExit("The server does not answer.")


def _table(latencies: dict[str, list[float]], rates: dict[str, list[float]]) -> Table:
    title = f"{EVENTS:,} events, {USERS:,} users, {COUPONS:,} coupons; one gunicorn worker, 8 threads"
    table = Table("asked", "p50 ms", "p99 ms", "p50 / bare", "requests/s", "requests/s / bare", title=title)
    bare_p50, bare_rate = statistics.median(latencies["bare"]), statistics.median(rates["bare"])
    for name, taken in latencies.items():
        p50, rate = statistics.median(taken), statistics.median(rates[name])
        p99 = statistics.quantiles(taken, n=100)[98]
        table.add_row(
            name,
            f"{p50 * 1000:.2f}",
            f"{p99 * 1000:.2f}",
            f"{p50 / bare_p50:.2f}",
            f"{rate:.0f}",
            f"{rate / bare_rate:.2f}",
        )
    return table


if __name__ == "__main__":
    main()
