"""Traffic of many casinos at once through the project's handlers, and a count of rows from the wrong casino."""

import asyncio
import logging
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections

from tenants.databases.servers import server_cursor
from tenants.models import Casino
from tenants.routing.connections import connection_metrics
from tenants.routing.context import use_casino

from .casino_rows import make_user
from .http_requests import Answer, ask_asgi, ask_wsgi
from .traffic_views import KEYS, UNDONE, VIEWS, name_in

WORKERS = 8  # threads, and as many tasks
_NAME = re.compile(r"OF CASINO (\d+)")


@dataclass
class Tally:
    """The results of the requests. `foreign`: rows of another casino than the request's. `unexplained`: responses
    without rows, or with an error, from views that should not fail."""

    statuses: Counter[int] = field(default_factory=Counter)
    foreign: int = 0
    unexplained: Counter[str] = field(default_factory=Counter)
    most_open: int = 0

    def add(self, answer: Answer, path: str, casino_id: int) -> None:
        names = _NAME.findall(answer.text)
        self.statuses[answer.status] += 1
        self.foreign += sum(int(name) != casino_id for name in names)
        may_fail = "fail" in path
        is_empty = answer.status == 200 and not names and not may_fail
        if is_empty or (answer.status not in (200, 503) and not may_fail):
            self.unexplained[f"{path}: {answer.status}, {answer.text[:40]!r}"] += 1
        self.most_open = max(self.most_open, connection_metrics().open)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.statuses + other.statuses,
            self.foreign + other.foreign,
            self.unexplained + other.unexplained,
            max(self.most_open, other.most_open),
        )


def fill(casino: Casino) -> None:
    """Create the users in a casino without any; all casinos have the same keys."""
    with use_casino(casino.current):
        assert [make_user(name_in(casino.pk)).pk for _ in KEYS] == list(KEYS)


def send_traffic(casinos: Sequence[Casino], requests: int, seed: int = 1) -> Tally:
    """Send random requests, from threads by WSGI and from tasks by ASGI at the same time. `settings.ROOT_URLCONF` must
    be `traffic_views`."""
    ids, each = [casino.pk for casino in casinos], requests // (2 * WORKERS)
    with _quiet(), ThreadPoolExecutor(WORKERS) as threads:
        handler = WSGIHandler()
        by_wsgi = [threads.submit(_ask_from_thread, handler, ids, each, seed + n) for n in range(WORKERS)]
        by_asgi = asyncio.run(_ask_from_tasks(ids, each, seed + WORKERS))
        return sum((future.result() for future in by_wsgi), by_asgi)


def rows_in_the_wrong_place(casinos: Sequence[Casino]) -> int:
    """The number of rows of another casino, or of a failed transaction, in the casinos' databases."""
    count = 0
    for casino in casinos:
        with server_cursor(casino.db_name) as cursor:
            cursor.execute("SELECT count(*) FROM users WHERE name <> %s OR surname = %s", [name_in(casino.pk), UNDONE])
            count += cursor.fetchone()[0]
    return count


def _ask_from_thread(handler: WSGIHandler, ids: Sequence[int], requests: int, seed: int) -> Tally:
    rng, tally = random.Random(seed), Tally()
    try:
        for _ in range(requests):
            path, casino_id = _choose(rng, ids)
            tally.add(ask_wsgi(handler, path, casino_id), path, casino_id)
    finally:
        connections.close_all()
    return tally


async def _ask_from_tasks(ids: Sequence[int], requests: int, seed: int) -> Tally:
    handler = ASGIHandler()
    tasks = [asyncio.create_task(_ask_from_task(handler, ids, requests, seed + n)) for n in range(WORKERS)]
    return sum(await asyncio.gather(*tasks), Tally())


async def _ask_from_task(handler: ASGIHandler, ids: Sequence[int], requests: int, seed: int) -> Tally:
    rng, tally = random.Random(seed), Tally()
    async with ThreadSensitiveContext():  # one thread for all of a task's requests, so that a leak between them shows
        try:
            for _ in range(requests):
                path, casino_id = _choose(rng, ids)
                tally.add(await ask_asgi(handler, path, casino_id), path, casino_id)
        finally:
            await sync_to_async(connections.close_all)()
    return tally


def _choose(rng: random.Random, ids: Sequence[int]) -> tuple[str, int]:
    [view] = rng.choices(list(VIEWS), list(VIEWS.values()))
    return f"/{view.__name__}", rng.choice(ids)


@contextmanager
def _quiet() -> Iterator[None]:
    """Logs no tracebacks of the thousands of intended failures."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
