"""Counts the project's files and functions that one warm `GET /recommend` and one coupon from Kafka run through.

    python -m tools.call_path             # files, functions and depth of both, on an embedded PostgreSQL and broker
    python -m tools.call_path --list      # also each function, in the order of its first call
    python -m tools.call_path --check     # exit status 1 if a limit is exceeded
    python -m tools.call_path --profile   # instead: the time of a warm request by function, by cProfile

A function is a `def` or a lambda; a comprehension belongs to its surrounding function. Depth is the highest number of
the project's functions on the stack. Code of tests, benchmarks and tools does not count.
"""

import argparse
import atexit
import cProfile
import os
import pstats
import random
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

if __name__ == "__main__":
    folder = tempfile.mkdtemp(prefix="recsys-call-path-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # registered first, so it runs after the server's end
    os.environ.update(LOCAL_DIR=folder, DATABASE_URL="", KAFKA_BOOTSTRAP_SERVERS="", LOG_LEVEL="ERROR", DEBUG="1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

from recsys_project.wsgi import application  # isort: skip  (sets Django up for the imports below)

from confluent_kafka import Producer
from django.conf import settings
from django.test import RequestFactory
from django.utils import timezone

from benchmarks.casino import build_casino
from ingestion.consumer.consumer import TopicConsumer
from ingestion.kafka.client import client_config
from ingestion.kafka.embedded_broker import EmbeddedBroker
from ingestion.messages.encoding import encode_row
from ingestion.producers.publisher import publisher
from ingestion.status.statistics import STORED
from ingestion.topics import COUPONS, PARTITIONS, topic_names
from recommendations.evaluation.training import fit_models
from recommendations.services import configure
from recommendations.simulation.dummies import dummy_coupon
from tenants.access.api_keys import issue_key
from tenants.models import Casino, Scope
from tenants.routing.context import use_casino

ROOT = Path(__file__).resolve().parent.parent
NOT_COUNTED = ("benchmarks", "tools", "tests", ".venv", "migrations")
# With trees in the fitted model, which depend on the generated casino's times. Without trees: 140 functions.
LIMITS = {"GET /recommend": (45, 148, 14), "coupon": (34, None, None)}
WARM_UP, WARM, PROFILED = 5, 20, 2_000
COUPONS_SENT = 10
IDLE_SECONDS = 30.0  # without a message, until the run gives up on coupons that are not stored
SCHEMA = {
    "user": {"type": "int", "source_field": "id"},
    "stake": {"type": "float", "source_field": "stake"},
    "events": {"type": "list", "source_field": "recommended_events"},
}


class CallPath:
    """The project's functions called while `recording`, and the greatest depth of its stack."""

    def __init__(self) -> None:
        self.functions: dict[CodeType, str] = {}
        self.depth = 0
        self._at_depth = 0
        self._counts: dict[CodeType, bool] = {}

    @property
    def files(self) -> list[str]:
        return sorted({name.partition(":")[0] for name in self.functions.values()})

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record this thread's calls inside the block."""
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)

    def clear(self) -> None:
        self.functions.clear()
        self.depth = self._at_depth

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event not in ("call", "return") or not self._is_counted(code):
            return
        if event == "return":
            self._at_depth = max(self._at_depth - 1, 0)
            return
        self._at_depth += 1
        self.depth = max(self.depth, self._at_depth)
        if code not in self.functions:
            path = Path(code.co_filename).relative_to(ROOT)
            self.functions[code] = f"{path}:{code.co_firstlineno} {code.co_qualname}"

    def _is_counted(self, code: CodeType) -> bool:
        known = self._counts.get(code)
        if known is None:
            path = Path(code.co_filename)
            is_ours = path.is_relative_to(ROOT) and not set(path.relative_to(ROOT).parts) & set(NOT_COUNTED)
            is_function = not code.co_name.startswith("<") or code.co_name == "<lambda>"
            known = self._counts[code] = is_ours and is_function
        return known


class Turns(threading.Event):
    """A consumer's stop event, read at each turn of its loop. Keeps the functions of the shortest turn that stored a
    coupon, since some turns also do maintenance. Code within a turn reads the event too, such as a stalled
    statement."""

    def __init__(self, path: CallPath, last: int) -> None:
        super().__init__()
        self._path, self._last = path, last
        self.consumer: TopicConsumer | None = None
        self.found: dict[CodeType, str] = {}
        self.depth = self._seen = 0

    def is_set(self) -> bool:
        if sys._getframe(1).f_code is not TopicConsumer._run.__code__:
            return self._seen >= self._last
        counts = self.consumer.counts if self.consumer else {}
        stored = sum(count for (_, outcome), count in counts.items() if outcome in STORED)  # some are parked
        if stored > self._seen:
            self._seen = stored
            if not self.found or len(self._path.functions) < len(self.found):
                self.found = dict(self._path.functions)
                self.depth = self._path.depth
        self._path.clear()
        return self._seen >= self._last


def ask_for_recommendation(key: str) -> Callable[[], None]:
    """A function that requests user 1's recommendation from the WSGI application, and raises if there is none."""
    environ = RequestFactory().get("/recommend/1", headers={"Authorization": f"Api-Key {key}"}).environ

    def ask() -> None:
        statuses: list[str] = []
        response = application(dict(environ), lambda status, *_: statuses.append(status))
        body = b"".join(response)
        if hasattr(response, "close"):
            response.close()
        if statuses != ["200 OK"]:
            raise SystemExit(f"GET /recommend/1 returned {statuses}: {body[:300]!r}")

    return ask


def request_path(ask: Callable[[], None]) -> CallPath:
    """The call path of a request while the broker is available: the shortest of `WARM`, since some requests also refill
    tokens of the rate limit, copy metrics, or count delivered messages."""
    paths = []
    with broker_running():
        for _ in range(WARM_UP):
            ask()
        for _ in range(WARM):
            paths.append(CallPath())
            with paths[-1].recording():
                ask()
        publisher.close()
    return min(paths, key=lambda path: len(path.functions))


@contextmanager
def broker_running() -> Iterator[None]:
    with EmbeddedBroker() as broker:
        for name in topic_names():
            broker.create_topic(name, PARTITIONS)
        settings.KAFKA_BOOTSTRAP_SERVERS = broker.bootstrap_servers
        yield


def coupon_path(casino: Casino) -> CallPath:
    """The call path of one coupon, from the loop to the committed row, in a consumer that has stored another coupon
    before."""
    settings.KAFKA_BATCH_SIZE = 1  # each coupon has its own turn
    with broker_running():
        producer = Producer(client_config())
        for value in _coupons(casino, COUPONS_SENT):
            producer.produce(COUPONS.name, value, headers={"casino_id": str(casino.pk)}, partition=0)
        producer.flush(10)
        path = CallPath()
        turns = Turns(path, last=COUPONS_SENT)
        turns.consumer = TopicConsumer(COUPONS, turns, idle_exit=IDLE_SECONDS)
        with path.recording():
            turns.consumer.run()
    if not turns.found:
        raise SystemExit(f"No coupon was stored: {dict(turns.consumer.counts)}")
    path.functions, path.depth = turns.found, turns.depth
    return path


def _coupons(casino: Casino, count: int) -> list[bytes]:
    rng = random.Random(7)
    with use_casino(casino.current):
        return [encode_row(dummy_coupon(rng, now=timezone.now(), user_id=1)) for _ in range(count)]


def show(name: str, path: CallPath, *, with_functions: bool) -> bool:
    """Print the counts. Returns whether all are within their limits."""
    counts = (len(path.files), len(path.functions), path.depth)
    limits = LIMITS[name]
    parts = [
        f"{count} {what}" + (f" (at most {limit})" if limit is not None else "")
        for count, what, limit in zip(counts, ("files", "functions", "deep"), limits, strict=True)
    ]
    print(f"{name}: {', '.join(parts)}")
    if with_functions:
        for each in path.functions.values():
            print(f"    {each}")
    return all(limit is None or count <= limit for count, limit in zip(counts, limits, strict=True))


def profile(ask: Callable[[], None]) -> None:
    for _ in range(WARM_UP):
        ask()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(PROFILED):
        ask()
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print each function")
    parser.add_argument("--check", action="store_true", help="exit status 1 where a limit is exceeded")
    parser.add_argument("--profile", action="store_true", help="profile a warm request instead")
    arguments = parser.parse_args()
    settings.ALLOWED_HOSTS, settings.DEBUG = ["*"], False  # in production, no statement is logged
    casino = build_casino()
    with use_casino(casino.current):
        fit_models(timezone.now(), casino.pk)
    configure(casino=casino, recommender_type="hybrid", recommendation_schema=SCHEMA, now=timezone.now())
    ask = ask_for_recommendation(issue_key(casino, name="call path", scopes=[Scope.RECOMMEND], by="call path").text)
    if arguments.profile:
        profile(ask)
        return
    is_within = [
        show(name, path, with_functions=arguments.list)
        for name, path in (("GET /recommend", request_path(ask)), ("coupon", coupon_path(casino)))
    ]
    if arguments.check and not all(is_within):
        sys.exit(1)


if __name__ == "__main__":
    main()
