"""Latency and throughput of `/recommend`, compared with a view of one primary-key query behind the same router (`one
key`) and with a naive view that loads all events with the ORM (`plain`).

Prints p50, p99 and requests per second of each recommender, and their ratios to both views. Each round measures all of
them in turn, so that other load on the machine affects all equally. `--servers` compares servers, `--workers` numbers
of processes with four threads each.

    python -m benchmarks.recommend [--events N] [--servers granian gunicorn] [--workers N ..]
"""

import argparse
import http.client
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

from django.utils import timezone
from rich.console import Console
from rich.table import Table

from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.services import configure
from tenants.models import Casino

from . import casino as benchmark

PORT = 8765
THREADS, CLIENTS = 4, 8
SCHEMA = {"user_id": "int", "stake": "float", "timestamp": "float", "recommended_events": "list"}
KEY, PLAIN = "one key", "plain"

# By name, with the port and the number of processes to be filled in.
SERVERS = {
    "gunicorn": f"gunicorn benchmarks.server --bind 127.0.0.1:{{port}} --worker-class gthread --threads {THREADS} "
    "--log-level error --no-control-socket --workers {workers}",
    "granian": "granian benchmarks.server:asgi_application --interface asgi --http 1 --no-ws --port {port} --no-log "
    "--workers {workers}",
    "granian-wsgi": "granian benchmarks.server:application --interface wsgi --port {port} --no-log "
    f"--blocking-threads {THREADS} --workers {{workers}}",
}

Send = Callable[[http.client.HTTPConnection], bytes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=["granian"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=200, help="requests of a client in a round")
    arguments = parser.parse_args()
    benchmark.EVENTS = arguments.events
    console = Console()
    with console.status("Building the casino"):
        casino = benchmark.build_fitted_casino()
    for server in arguments.servers:
        for workers in arguments.workers:
            with serving(server, workers), console.status(f"Measuring {server}, {workers} processes"):
                table = _measure(casino, arguments.rounds, arguments.requests)
            table.title = (
                f"{arguments.events:,} events, {benchmark.USERS:,} users, {benchmark.COUPONS:,} coupons; "
                f"{server}, {workers} processes of {THREADS} threads"
            )
            console.print(table)


def _measure(casino: Casino, rounds: int, requests: int) -> Table:
    latencies: dict[str, list[float]] = {}
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name in (KEY, *RECOMMENDERS, PLAIN):
            send, count = prepare(casino, name), max(requests // 20, 5) if name == PLAIN else requests
            latencies.setdefault(name, []).extend(measure_latencies(send, count))
            rates.setdefault(name, []).append(measure_rate(send, count))
    return _table(latencies, rates)


def prepare(casino: Casino, name: str) -> Send:
    if name in RECOMMENDERS:
        configure(casino=casino, recommender_type=name, recommendation_schema=SCHEMA, now=timezone.now())
    return sender_for(casino, name)


def sender_for(casino: Casino, name: str) -> Send:
    headers = {"Casino-ID": str(casino.pk)}
    folder = {KEY: "key", PLAIN: "plain"}.get(name, "recommend")
    return lambda connection: _get(connection, f"/{folder}/{random.randint(1, benchmark.USERS)}", headers)


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> bytes:
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise SystemExit(f"{path} returned {response.status}: {body[:200]!r}")
    return body


def measure_latencies(send: Send, requests: int) -> list[float]:
    """The durations of consecutive requests, in seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    for _ in range(10):
        send(connection)
    taken = []
    for _ in range(requests):
        started = time.perf_counter()
        send(connection)
        taken.append(time.perf_counter() - started)
    connection.close()
    return taken


def measure_rate(send: Send, requests: int) -> float:
    """Requests per second with `CLIENTS` concurrent clients."""

    def work(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        for _ in range(max(requests // 2, 2)):
            send(connection)
        connection.close()

    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(work, range(CLIENTS)))
    return CLIENTS * max(requests // 2, 2) / (time.perf_counter() - started)


@contextmanager
def serving(name: str, workers: int, port: int = PORT) -> Iterator[int]:
    """Runs a server, and yields the id of its process."""
    settings = {"RECSYS_OPEN_API": "1", "HTTPS": "0", "LOG_LEVEL": "ERROR", "WEB_THREADS": str(THREADS)}
    process = subprocess.Popen(
        (sys.executable, "-m", *SERVERS[name].format(port=port, workers=workers).split()),
        env={**os.environ, "PYTHONWARNINGS": "ignore", **settings},
    )
    try:
        _wait_for_server(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait_for_server(port: int) -> None:
    for _ in range(100):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/config/options.schema.json")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("The server does not respond.")


def _table(latencies: dict[str, list[float]], rates: dict[str, list[float]]) -> Table:
    table = Table("recommender", "p50 ms", "p99 ms", "p50 / one key", "requests/s", "/ one key", "/ plain")
    base, base_rate = statistics.median(latencies[KEY]), statistics.median(rates[KEY])
    plain_rate = statistics.median(rates[PLAIN])
    for name, taken in latencies.items():
        p50, rate = statistics.median(taken), statistics.median(rates[name])
        p99 = statistics.quantiles(taken, n=100)[98]
        shown = (p50 * 1000, p99 * 1000, p50 / base, rate, rate / base_rate, rate / plain_rate)
        table.add_row(name, *(f"{number:.2f}" if number < 100 else f"{number:.0f}" for number in shown))
    return table


if __name__ == "__main__":
    main()
