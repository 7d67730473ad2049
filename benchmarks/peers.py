"""The service beside its peers, in turn in one run: the original service's algorithm as a naive view (`plain`), a view
of one key (`one key`), and recommenders.

    python -m benchmarks.peers [--events N] [--recommenders NAME ..] [--rounds N] [--requests N]

Prints of each: p50 and p99 of one client, requests a second of eight clients, the server's processor time of a request,
and the age of answers: how long after the commit of a changed odd the last request was sent whose answer lacked it.
"""

import argparse
import http.client
import json
import statistics
import time
from decimal import Decimal
from math import isnan, nan
from typing import Any, NamedTuple

from . import recommend  # isort: skip  (sets Django up, which all below needs)

import psutil
from django.db.models import F
from rich.console import Console
from rich.table import Table

from recommendations.models import Event
from recommendations.recommenders.registry import RECOMMENDERS
from tenants.models import Casino
from tenants.routing.context import use_casino

from . import casino as benchmark

KEY, PLAIN = recommend.KEY, recommend.PLAIN
ODD_CHANGES = 5
OLDEST = 60.0  # seconds
_OF_PLAIN = 20  # it takes so many times as long


class Measured(NamedTuple):
    """Seconds, but for the `rate` of requests a second; the age is NaN where it is not measured."""

    latencies: list[float]
    rate: float
    processor: float
    age: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = ["static", "inference_score", "hybrid"]
    parser.add_argument("--recommenders", nargs="+", choices=RECOMMENDERS, default=default)
    parser.add_argument("--events", type=int, default=benchmark.EVENTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=200, help="requests of a client in a round")
    options = parser.parse_args()
    benchmark.EVENTS = options.events
    casino, names = benchmark.build_fitted_casino(), (PLAIN, KEY, *options.recommenders)
    measured: dict[str, list[Measured]] = {name: [] for name in names}
    with recommend.serving("granian", workers=1) as server:
        for _ in range(options.rounds):
            for name, rounds in measured.items():
                requests = max(options.requests // _OF_PLAIN, 5) if name == PLAIN else options.requests
                rounds.append(measure(casino, name, requests, psutil.Process(server)))
    Console().print(table_of(measured))


def measure(casino: Casino, name: str, requests: int, server: psutil.Process) -> Measured:
    send = recommend.prepare(casino, name)
    latencies = recommend.measure_latencies(send, requests)
    began = _processor_time(server)
    rate = recommend.measure_rate(send, requests)
    processor = (_processor_time(server) - began) / (recommend.CLIENTS * max(requests // 2, 2))
    age = nan if name == KEY else max(_age(casino, name) for _ in range(ODD_CHANGES))
    return Measured(latencies, rate, processor, age)


def _processor_time(server: psutil.Process) -> float:
    """Seconds that the server and its processes have taken."""
    times = [each.cpu_times() for each in (server, *server.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def _age(casino: Casino, name: str) -> float:
    """Seconds between the commit of a changed odd and the last request whose answer lacked it; 0 if the first had
    it."""
    connection, path = (
        http.client.HTTPConnection("127.0.0.1", recommend.PORT),
        "plain" if name == PLAIN else "recommend",
    )

    def ask() -> list[dict[str, Any]]:
        connection.request("GET", f"/{path}/1", headers={"Casino-ID": str(casino.pk)})
        answer = json.loads(connection.getresponse().read())
        events: list[dict[str, Any]] = answer["events" if name == PLAIN else "recommended_events"]
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


def table_of(measured: dict[str, list[Measured]]) -> Table:
    table = Table("", "p50 ms", "p99 ms", "requests/s", "processor ms", "/ plain", "oldest answer ms")
    of_plain = statistics.median(each.processor for each in measured[PLAIN])
    for name, rounds in measured.items():
        latencies = [seconds for each in rounds for seconds in each.latencies]
        processor = statistics.median(each.processor for each in rounds)
        shown = (
            statistics.median(latencies) * 1_000,
            statistics.quantiles(latencies, n=100)[98] * 1_000,
            statistics.median(each.rate for each in rounds),
            processor * 1_000,
            processor / of_plain,
            max(each.age for each in rounds) * 1_000,
        )
        table.add_row(name, *("" if isnan(number) else f"{number:.3g}" for number in shown))
    return table


if __name__ == "__main__":
    main()
