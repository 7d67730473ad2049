"""Latency and throughput of `/recommend`, compared with a view of one primary-key query behind the same router (`one
key`) and with a naive view that loads all events with the ORM (`plain`).

Prints for each recommender p50 and p99 of one client; with eight clients requests per second, p99 / p50, and the
server's processor time per request; ratios to both views; and the age of responses: the time from the commit of a
changed odd to the last request whose response lacked it. Each round measures all of them in turn, so that other load on
the machine affects all equally. `--servers` compares servers, `--workers` numbers of processes with four threads each.
`--gorse` adds Gorse (https://gorse.io), which serves lists that it computed before; their age is that of the list.

    python -m benchmarks.recommend [--events N] [--servers granian gunicorn] [--workers N ..] [--gorse gorse-in-one]
"""

import argparse
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

import psutil
from django.db.models import F
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from recommendations.models import Event
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.services import configure
from tenants.models import Casino
from tenants.routing.context import use_casino

from . import casino as benchmark
from . import gorse

PORT = 8765
THREADS, CLIENTS = 4, 8
OLDEST = 60.0  # seconds
SCHEMA = {"user_id": "int", "stake": "float", "timestamp": "float", "recommended_events": "list"}
KEY, PLAIN, GORSE = "one key", "plain", "Gorse"
LIST_LENGTH = 3  # events of an answer
FOLDERS = {KEY: "key", PLAIN: "plain"}

# Name -> command line, with placeholders for the port and the number of processes.
SERVERS = {
    "gunicorn": f"gunicorn benchmarks.server --bind 127.0.0.1:{{port}} --worker-class gthread --threads {THREADS} "
    "--log-level error --no-control-socket --workers {workers}",
    "granian": "granian benchmarks.server:asgi_application --interface asgi --http 1 --no-ws --port {port} --no-log "
    "--workers {workers}",
    "granian-wsgi": "granian benchmarks.server:application --interface wsgi --port {port} --no-log "
    f"--blocking-threads {THREADS} --workers {{workers}}",
}

Send = Callable[[http.client.HTTPConnection], object]


class Measured(NamedTuple):
    """Seconds, except the `rate` of requests per second; no `age` if it is not measured."""

    latencies: list[float]
    concurrent_latencies: list[float]
    rate: float
    processor: float
    age: float | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=["granian"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=200, help="requests of a client in a round")
    parser.add_argument("--gorse", type=Path, metavar="PATH", help="the program gorse-in-one")
    arguments = parser.parse_args()
    benchmark.EVENTS = arguments.events
    console = Console(width=150)
    with console.status("Building the casino"):
        casino = benchmark.build_fitted_casino()
    with gorse.serving_lists(arguments.gorse, casino) if arguments.gorse else nullcontext() as lists:
        for server in arguments.servers:
            for workers in arguments.workers:
                with serving(server, workers) as process, console.status(f"Measuring {server}, {workers} processes"):
                    processes = {GORSE: lists} if lists else {}
                    processes |= dict.fromkeys((KEY, *RECOMMENDERS, PLAIN), process)
                    table = _measure(casino, processes, arguments.rounds, arguments.requests)
                table.title = (
                    f"{arguments.events:,} events, {benchmark.USERS:,} users, {benchmark.COUPONS:,} coupons; "
                    f"{server}, {workers} processes of {THREADS} threads"
                )
                console.print(table)


def _measure(casino: Casino, processes: dict[str, int], rounds: int, requests: int) -> Table:
    """`processes`: of each name, the id of the process that answers."""
    measured: dict[str, list[Measured]] = {}
    for _ in range(rounds):
        for name, process in processes.items():
            send, port = prepare(casino, name), gorse.PORT if name == GORSE else PORT
            count = max(requests // 20, 5) if name == PLAIN else requests
            latencies = measure_latencies(send, count, port)
            concurrent = _measure_concurrent(send, count, port, psutil.Process(process))
            age = None if name == KEY else _measure_age(casino, name)
            measured.setdefault(name, []).append(Measured(latencies, *concurrent, age))
    return _table(measured)


def prepare(casino: Casino, name: str) -> Send:
    if name == GORSE:
        return lambda connection: _get(connection, f"/api/recommend/{_random_user()}?n={LIST_LENGTH}", {})
    if name in RECOMMENDERS:
        configure(casino=casino, recommender_type=name, recommendation_schema=SCHEMA, now=timezone.now())
    return sender_for(casino, name)


def sender_for(casino: Casino, name: str) -> Send:
    headers, folder = {"Casino-ID": str(casino.pk)}, FOLDERS.get(name, "recommend")
    return lambda connection: _get(connection, f"/{folder}/{_random_user()}", headers)


def _random_user() -> int:
    return random.randint(1, benchmark.USERS)


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> bytes:
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise SystemExit(f"{path} returned {response.status}: {body[:200]!r}")
    return body


def measure_latencies(send: Send, requests: int, port: int = PORT, warm_up: int = 10) -> list[float]:
    """The durations of consecutive requests, in seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(warm_up):
        send(connection)
    taken = []
    for _ in range(requests):
        started = time.perf_counter()
        send(connection)
        taken.append(time.perf_counter() - started)
    connection.close()
    return taken


def _measure_concurrent(
    send: Send, requests: int, port: int, server: psutil.Process
) -> tuple[list[float], float, float]:
    """With `CLIENTS` concurrent clients: the durations of requests, requests per second, and the server's processor
    seconds per request."""
    started, before = time.perf_counter(), _processor_time(server)
    with ThreadPoolExecutor(CLIENTS) as pool:
        requests_each = max(requests // 2, 2)
        clients = [pool.submit(measure_latencies, send, requests_each, port, warm_up=1) for _ in range(CLIENTS)]
        latencies = [each for client in clients for each in client.result()]
    seconds, count = time.perf_counter() - started, len(latencies) + CLIENTS  # each client warms up once
    return latencies, count / seconds, (_processor_time(server) - before) / count


def _processor_time(server: psutil.Process) -> float:
    """The processor seconds of the server and its processes."""
    times = [each.cpu_times() for each in (server, *server.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def _measure_age(casino: Casino, name: str) -> float:
    """The seconds from the commit of a changed odd to the last request whose response lacked it; 0 if the first
    response had it. For Gorse, the age of a list."""
    if name == GORSE:
        return gorse.age_of_list(1)
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    path, key = f"/{FOLDERS.get(name, 'recommend')}/1", "events" if name == PLAIN else "recommended_events"

    def ask() -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = json.loads(_get(connection, path, {"Casino-ID": str(casino.pk)}))[key]
        return events

    shown = ask()[0]
    with use_casino(casino.current):
        same = {each: shown[each] for each in ("sport", "league", "home_team", "away_team")}
        Event.objects.filter(**same).update(odd=F("odd") + Decimal(1))
    committed, age = time.perf_counter(), 0.0
    asked = committed
    while shown in ask():
        age, asked = asked - committed, time.perf_counter()
        if age > OLDEST:
            raise SystemExit(f"{name} has answered with an old odd for {age:.0f} s: {shown}")
    connection.close()
    return age


@contextmanager
def serving(name: str, workers: int, port: int = PORT) -> Iterator[int]:
    """Run a server, and yield the id of its process."""
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


def _table(measured: dict[str, list[Measured]]) -> Table:
    table = Table("recommender", "p50 ms", "p99 ms", "p50 / one key", "requests/s", "/ one key", "/ plain")
    for heading in ("p99 / p50", "processor ms", "/ plain", "oldest answer ms"):
        table.add_column(heading)
    latencies = {name: [seconds for each in rounds for seconds in each.latencies] for name, rounds in measured.items()}
    rates = {name: statistics.median(each.rate for each in rounds) for name, rounds in measured.items()}
    processor = {name: statistics.median(each.processor for each in rounds) for name, rounds in measured.items()}
    for name, rounds in measured.items():
        p50, p99 = statistics.median(latencies[name]), _p99(latencies[name])
        concurrent = [seconds for each in rounds for seconds in each.concurrent_latencies]
        shown = [p50 * 1000, p99 * 1000, p50 / statistics.median(latencies[KEY])]
        shown += [rates[name], rates[name] / rates[KEY], rates[name] / rates[PLAIN]]
        shown += [_p99(concurrent) / statistics.median(concurrent)]
        shown += [processor[name] * 1000, processor[name] / processor[PLAIN]]
        shown += [max(each.age for each in rounds if each.age is not None) * 1000] if name != KEY else []
        table.add_row(name, *(f"{number:.2f}" if number < 100 else f"{number:.0f}" for number in shown))
    return table


def _p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


if __name__ == "__main__":
    main()
