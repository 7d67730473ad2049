"""Processor time of a request in process, through the WSGI application: of a plain Django view behind all middleware
(`plain`), and of `GET /recommend` with each recommender, warm, with an API key.

    python -m benchmarks.request_cpu [--calls N] [--events N] [--json] [--parts]

Prints the median processor milliseconds of this thread, and their ratio to `plain`; with `--json` an object of name
-> milliseconds. All are measured in turns, so that other load on the machine affects all equally.

Each is measured twice: alone, with equal requests in a row, and in turn with the plain view. Alone, the plain view's
code stays in the processor's nearest caches, unlike in a server with many endpoints, and a recommendation's code does
not fit into small ones. In turn, both start with caches that the other has filled.

`--parts` also prints the duration of each part of a request, from other calls, whose timing adds some microseconds to
each part.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any
from unittest.mock import patch

os.environ.update(LOG_LEVEL="ERROR", HTTPS="0")

from .server import application  # isort: skip  (sets Django up for the imports below)

from django.conf import settings
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rich.console import Console
from rich.table import Table

from operations.gc_tuning import freeze
from recommendations import services
from recommendations.api import fast_path
from recommendations.api.views import CasinoAPIView, RecommendView
from recommendations.recommenders.hybrid_features.features import Features
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.services import configure
from recommendations.serving.legs import Search
from tenants.access.api_keys import api_key_cache, issue_key, revoke_key
from tenants.http import middleware, request_state
from tenants.models import Casino, Scope
from tenants.routing import context

from . import casino as benchmark
from .recommend import SCHEMA

PLAIN = "plain"
USERS, TURNS, WARM_UP = 200, 20, 10
Call = Callable[[str], None]

# The functions that begin the parts of a request; a part within another counts as its own.
PARTS: dict[str, list[tuple[Any, str]]] = {
    "authentication": [
        (request_state, "mask_key"), (middleware, "find_key"), (middleware, "admit"),
        (middleware.RequestStateMiddleware, "process_view"), (fast_path, "enter_chosen_casino"),
    ],
    "view": [(RecommendView, "answer"), (CasinoAPIView, "dispatch"), (Response, "render")],
    "service": [(services, "recommend_mapped")],
    "query": [(services, "find"), (context, "check_in_alias")],
    "unpacking": [(services, "build_user_context")],
    "slip": [(services, "build_recommendations")],
    "features": [(Features, "__init__")],
    "score": [(type(each), name) for each in RECOMMENDERS.values() for name in ("applies", "score")],
    "gate": [(Search, "run")],
    "mapping": [(services, "_mapped")],
    "publishing": [(services, "send_served")],
    "JSON": [(fast_path, "_as_json"), (JSONRenderer, "render")],
}  # fmt: skip
REST = "middleware"


@dataclass
class Seconds:
    """Processor seconds of requests with a recommender: alone, in turn with a plain view, and of that view."""

    alone: list[float] = field(default_factory=list)
    in_turn: list[float] = field(default_factory=list)
    plain_in_turn: list[float] = field(default_factory=list)


class PartTimes:
    """The processor seconds of each part of the requests in a `timing` block, without those of inner parts."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys((REST, *PARTS), 0.0)
        self._now: list[str] = [REST]
        self._since = 0.0

    @contextmanager
    def timing(self) -> Iterator[None]:
        with ExitStack() as stack:
            for part, places in PARTS.items():
                for owner, name in places:
                    stack.enter_context(patch.object(owner, name, self._timed(part, getattr(owner, name))))
            self._since = time.thread_time()
            yield
            self._turn()

    def milliseconds(self, calls: int) -> dict[str, float]:
        """The milliseconds of each part per call."""
        return {part: seconds / calls * 1_000 for part, seconds in self.seconds.items()}

    def _timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self._turn()
            self._now.append(part)
            try:
                return function(*arguments, **named)
            finally:
                self._turn()
                self._now.pop()

        return call

    def _turn(self) -> None:
        now = time.thread_time()
        self.seconds[self._now[-1]] += now - self._since
        self._since = now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2_000, help="of each")
    parser.add_argument("--events", type=int, default=benchmark.EVENTS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--parts", action="store_true")
    options = parser.parse_args()
    benchmark.EVENTS = options.events
    settings.API_REQUESTS_PER_SECOND = 1_000_000
    settings.ALLOWED_HOSTS = ["testserver"]
    casino = benchmark.build_fitted_casino()
    key = issue_key(casino, name="benchmark", scopes=[Scope.RECOMMEND], by="benchmark")
    try:
        taken, parts = measure(casino, caller(key.text), options.calls, with_parts=options.parts)
    finally:
        settings.CATALOGUE_LEASE_SECONDS = 0
        revoke_key(key.row)
    if options.json:
        print(json.dumps({name: milliseconds(seconds.alone) for name, seconds in taken.items()}))
    else:
        Console().print(table_of(taken))
    if options.parts:
        Console(stderr=options.json).print(table_of_parts(parts))


def caller(key: str) -> Call:
    """A function that sends a request for the path to the WSGI application, as a server does."""
    headers = {"Authorization": f"Api-Key {key}", "Accept": "*/*", "Host": "testserver", "User-Agent": "benchmark"}
    environ = RequestFactory().get("/", headers=headers).environ

    def call(path: str) -> None:
        statuses: list[str] = []
        response: Any = application(environ | {"PATH_INFO": path}, lambda status, *_: statuses.append(status))
        body = b"".join(response)
        response.close()
        if statuses != ["200 OK"]:
            raise SystemExit(f"{path} answered {statuses}: {body[:300]!r}")

    return call


def measure(
    casino: Casino, call: Call, calls: int, *, with_parts: bool
) -> tuple[dict[str, Seconds], dict[str, dict[str, float]]]:
    """Processor seconds of requests by name, and milliseconds of their parts by name and part."""
    taken = {name: Seconds() for name in (PLAIN, *RECOMMENDERS)}
    parts = {name: PartTimes() for name in taken}
    for name in taken:
        for path in configured(casino, name):  # `inference` stores each user's pairs at the first request
            call(path)
    freeze()
    size, plain = max(calls // TURNS, 1), cycle(configured(casino, PLAIN))
    for _ in range(TURNS):
        for name, seconds in taken.items():
            paths = cycle(configured(casino, name))
            for _ in range(WARM_UP):
                call(next(paths))
            seconds.alone.extend(_seconds(call, next(paths)) for _ in range(size))
            for _ in range(size):
                seconds.plain_in_turn.append(_seconds(call, next(plain)))
                seconds.in_turn.append(_seconds(call, next(paths)))
            if with_parts:
                with parts[name].timing():
                    for _ in range(size):
                        call(next(paths))
    return taken, {name: each.milliseconds(size * TURNS) for name, each in parts.items()}


def configured(casino: Casino, name: str) -> list[str]:
    """Configure the recommender. Returns the paths to request."""
    if name == PLAIN:
        return [f"/nothing/{user}" for user in range(1, USERS + 1)]
    settings.CATALOGUE_LEASE_SECONDS = 0
    configure(casino=casino, recommender_type=name, recommendation_schema=SCHEMA, now=timezone.now())
    api_key_cache.reset()
    settings.CATALOGUE_LEASE_SECONDS = 3_600  # no measured request then queries the catalogue
    return [f"/recommend/{user}" for user in range(1, USERS + 1)]


def _seconds(call: Call, path: str) -> float:
    began = time.thread_time()
    call(path)
    return time.thread_time() - began


def milliseconds(seconds: list[float]) -> float:
    return round(statistics.median(seconds) * 1_000, 4)


def table_of(taken: dict[str, Seconds]) -> Table:
    table = Table("", "ms", "/ plain", "ms in turn", "of plain", "ratio", title="Processor time of a request")
    plain = milliseconds(taken[PLAIN].alone)
    for name, seconds in taken.items():
        alone, *in_turn = map(milliseconds, (seconds.alone, seconds.in_turn, seconds.plain_in_turn))
        cells = [f"{alone:.3f}", f"{alone / plain:.1f}", *(f"{each:.3f}" for each in in_turn)]
        table.add_row(name, *cells, f"{in_turn[0] / in_turn[1]:.2f}")
    return table


def table_of_parts(parts: dict[str, dict[str, float]]) -> Table:
    names = list(parts)
    table = Table("", *names, title="Where it goes, in microseconds")
    for part in parts[PLAIN]:
        table.add_row(part, *(f"{parts[name][part] * 1_000:.0f}" for name in names))
    return table


if __name__ == "__main__":
    main()
