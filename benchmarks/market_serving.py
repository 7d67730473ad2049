"""The cost of serving markets, as ratios to a casino with an odd for each event: over HTTP, and in process.

Each user sends requests to both casinos, in random order, so that other load on the machine affects both equally.
"""

import http.client
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from django.utils import timezone
from rich.table import Table

from recommendations.services import recommend_mapped
from tenants.models import Casino
from tenants.routing.connections import casino_connection, query
from tenants.routing.context import use_casino

from . import casino as benchmark
from .recommend import PORT, serving

WARM_UP = 2_000
_TICKS = os.sysconf("SC_CLK_TCK")

Casinos = Mapping[str, Casino]


@dataclass(slots=True)
class Taken:
    """One casino's seconds of each request; in process also its processor seconds, and those of this process and
    PostgreSQL together."""

    seconds: list[float] = field(default_factory=list)
    computing: list[float] = field(default_factory=list)
    processor: float = 0.0
    in_postgresql: float = 0.0
    queries: int = 0


def over_http(casinos: Casinos, requests: int, server: str, writers: Sequence[int]) -> dict[str, Taken]:
    """Measure with one server per casino. `writers`: ids of PostgreSQL processes that write meanwhile."""
    with ExitStack() as stack:
        ports = {name: PORT + number for number, name in enumerate(casinos)}
        processes = {name: stack.enter_context(serving(server, 1, port)) for name, port in ports.items()}
        connections = {name: http.client.HTTPConnection("127.0.0.1", port) for name, port in ports.items()}

        def ask(name: str, user: int) -> None:
            connections[name].request("GET", f"/recommend/{user}", headers={"Casino-ID": str(casinos[name].pk)})
            response = connections[name].getresponse()
            if (body := response.read()) and response.status != 200:
                raise SystemExit(f"/recommend/{user} returned {response.status}: {body[:200]!r}")

        _ask_in_turn(ask, casinos, WARM_UP)
        before = {name: (_used_by(processes[name]), _used_in_postgresql(casinos[name], writers)) for name in casinos}
        taken = _ask_in_turn(ask, casinos, requests)
        for name, (processor, in_postgresql) in before.items():
            taken[name].processor = _used_by(processes[name]) - processor
            taken[name].in_postgresql = _added(in_postgresql, _used_in_postgresql(casinos[name], writers))
    return taken


def in_process(casinos: Casinos, requests: int, writers: Sequence[int]) -> dict[str, Taken]:
    """Measure all steps of a request but HTTP: the query, scores and guard rails, and the response in the casino's
    schema."""
    _ask_in_turn(_asking(casinos, {name: Taken() for name in casinos}), casinos, WARM_UP)
    used = {name: Taken() for name in casinos}
    before = {name: _used_in_postgresql(casinos[name], writers) for name in casinos}
    taken = _ask_in_turn(_asking(casinos, used), casinos, requests)
    for name, each in taken.items():
        each.computing, each.queries = used[name].computing, used[name].queries
        each.processor = sum(each.computing)
        each.in_postgresql = _added(before[name], _used_in_postgresql(casinos[name], writers))
    return taken


def _asking(casinos: Casinos, used: Mapping[str, Taken]) -> Callable[[str, int], None]:
    """A function that sends a request in this process, and adds its processor time and queries to `used`."""

    def ask(name: str, user: int) -> None:
        with use_casino(casinos[name].current), _counting(used[name]):
            began = time.thread_time()
            recommend_mapped(casino=casinos[name], user_ids=[user], now=timezone.now())
            used[name].computing.append(time.thread_time() - began)

    return ask


@contextmanager
def _counting(taken: Taken) -> Iterator[None]:
    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        taken.queries += 1
        return execute(*arguments)

    with casino_connection().execute_wrapper(count):
        yield


def _ask_in_turn(ask: Callable[[str, int], None], casinos: Casinos, requests: int) -> dict[str, Taken]:
    taken = {name: Taken() for name in casinos}
    for _ in range(requests):
        user, order = random.randint(1, benchmark.USERS), random.sample(list(casinos), len(casinos))
        for name in order:
            began = time.perf_counter()
            ask(name, user)
            taken[name].seconds.append(time.perf_counter() - began)
    return taken


def _used_by(process: int) -> float:
    """The processor seconds of a process and its child processes."""
    server = psutil.Process(process)
    times = [each.cpu_times() for each in (server, *server.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def _added(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """The seconds added by the processes that still run; processes that have ended do not count."""
    return sum(seconds - before.get(process, 0.0) for process, seconds in after.items())


def _used_in_postgresql(casino: Casino, writers: Sequence[int]) -> dict[int, float]:
    """The seconds of each process that serves the casino's database, without the writers."""
    with use_casino(casino.current):
        rows = query("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    return {process: processor_seconds(process) for (process,) in rows if process not in writers}


def processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def table_of(taken: Mapping[str, Taken], title: str) -> Table:
    """A table in which the first casino is the base of the ratios."""
    table = Table(
        "casino", "p50 ms", "p99 ms", "p50 ratio", "processor ms", "p99", "PostgreSQL", "queries", title=title
    )
    base = statistics.median(next(iter(taken.values())).seconds)
    for name, each in taken.items():
        count, p50 = len(each.seconds), statistics.median(each.seconds)
        shown = (p50 * 1_000, _p99(each.seconds) * 1_000, p50 / base, each.processor / count * 1_000)
        in_process = (
            (f"{_p99(each.computing) * 1_000:.2f}", f"{each.queries / count:.2f}") if each.queries else ("", "")
        )
        in_postgresql = f"{each.in_postgresql / count * 1_000:.2f}"
        table.add_row(name, *map("{:.2f}".format, shown), in_process[0], in_postgresql, in_process[1])
    return table


def _p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]
