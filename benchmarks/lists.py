"""Latency of the other endpoints with lists, as ratios to `/recommend` of the same casino in the same run.

One client requests all of them in turn, one request each, so that other load on the machine affects all equally. `next`
has three selections, `session` three and ten viewed events. Prints p10, p50, p99 and the ratios of p10 and p50; `POST
/recommend` of one user shows the cost of a body alone.

    python -m benchmarks.lists [--events N] [--recommenders hybrid inference_score ..]
"""

import argparse
import http.client
import json
import os
import random
import statistics
import time
from collections.abc import Callable

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
from .recommend import PORT, SCHEMA, serving

BASE = "GET /recommend/<user_id>"
MOST = 1.5  # highest ratio to the p50 of BASE
WARM_UP = 20

Send = Callable[[http.client.HTTPConnection], None]
Request = tuple[str, str, object]  # method, path, body


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=1_000)
    parser.add_argument("--recommenders", nargs="+", choices=RECOMMENDERS, default=["hybrid", "inference_score"])
    arguments = parser.parse_args()
    benchmark.EVENTS = arguments.events
    console = Console()
    with console.status("Building the casino"):
        casino = benchmark.build_fitted_casino()
    with serving("granian", 1):
        for recommender in arguments.recommenders:
            with console.status(f"Measuring {recommender}"):
                table = _measure(casino, recommender, arguments.rounds)
            table.title = f"{arguments.events:,} events, recommender {recommender}"
            console.print(table)


def _measure(casino: Casino, recommender: str, rounds: int) -> Table:
    configure(casino=casino, recommender_type=recommender, recommendation_schema=SCHEMA, now=timezone.now())
    sends = {name: _sender(casino, make) for name, make in _REQUESTS.items()}
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    taken: dict[str, list[float]] = {name: [] for name in sends}
    for number in range(WARM_UP + rounds):
        for name, send in sends.items():
            started = time.perf_counter()
            send(connection)
            if number >= WARM_UP:
                taken[name].append(time.perf_counter() - started)
    connection.close()
    return _table(taken)


def _sender(casino: Casino, make: Callable[[], Request]) -> Send:
    headers = {"Casino-ID": str(casino.pk), "Content-Type": "application/json"}

    def send(connection: http.client.HTTPConnection) -> None:
        method, path, body = make()
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise SystemExit(f"{method} {path} returned {response.status}: {answer[:200]!r}")

    return send


def _user() -> int:
    return random.randint(1, benchmark.USERS)


def _events(count: int) -> list[dict[str, int]]:
    return [{"event_id": random.randint(1, benchmark.EVENTS)} for _ in range(count)]


_REQUESTS: dict[str, Callable[[], Request]] = {
    BASE: lambda: ("GET", f"/recommend/{_user()}", None),
    "POST /recommend, one user": lambda: ("POST", "/recommend", {"user_ids": [_user()]}),
    "POST /recommend/<user_id>/next": lambda: ("POST", f"/recommend/{_user()}/next", {"selections": _events(3)}),
    "POST /recommend/session": lambda: (
        "POST",
        "/recommend/session",
        {"selections": _events(3), "viewed": _events(10)},
    ),
    "GET /events/<event_id>/similar": lambda: ("GET", f"/events/{random.randint(1, benchmark.EVENTS)}/similar", None),
    "GET /popular": lambda: ("GET", "/popular", None),
}


def _table(taken: dict[str, list[float]]) -> Table:
    table = Table("endpoint", "p10 ms", "p50 ms", "p99 ms", "p10 ratio", f"p50 ratio (at most {MOST})")
    base = [_percentiles(taken[BASE])[each] for each in (0, 1)]
    for name, seconds in taken.items():
        p10, p50, p99 = _percentiles(seconds)
        shown = (p10 * 1_000, p50 * 1_000, p99 * 1_000, p10 / base[0], p50 / base[1])
        table.add_row(name, *(f"{number:.2f}" for number in shown))
    return table


def _percentiles(seconds: list[float]) -> tuple[float, float, float]:
    cuts = statistics.quantiles(seconds, n=100)
    return cuts[9], cuts[49], cuts[98]


if __name__ == "__main__":
    main()
