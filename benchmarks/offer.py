"""Cost of a cached offer: bytes per event, time of a full load, and time to apply changed odds and new events.

Offers of 10,000 and 100,000 events with 120 leagues and 2,400 teams, in a real casino's database. Times include the
query and the processing of its rows; `unchanged` is the refresh of an offer without changes.

    python -m benchmarks.offer
"""

import os
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

from django.utils import timezone
from rich.console import Console
from rich.table import Table

from recommendations.offer import load_offer, offers, read_offer
from recommendations.offer.queries import query_changes
from recommendations.recommenders.base import ScoringContext
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving.slip import Rules, choose
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

SIZES = (10_000, 100_000)
LOADS, READS = 15, 200
FILL = """
INSERT INTO events (id, country, begin_timestamp, end_timestamp, league, sport, odd, home_team, away_team)
SELECT n, 'COUNTRY ' || league %% 40, begins, begins + interval '2 hours', 'LEAGUE ' || league,
    (ARRAY['FOOTBALL', 'BASKETBALL', 'HANDBALL'])[league %% 3 + 1], 1.05 + n %% 800 / 100.0,
    'LEAGUE ' || league || ' TEAM ' || n / 120 %% 20,
    'LEAGUE ' || league || ' TEAM ' || (n / 120 + 1 + n / 2400 %% 19) %% 20
FROM (
    SELECT n, n %% 120 AS league, now() + interval '1 day' + n * interval '7.123457 seconds' AS begins
    FROM generate_series(1, %s) AS n
) AS numbered
"""
CHANGE = """
UPDATE events SET odd = odd + CASE WHEN odd > 500 THEN -400 ELSE 0.01 END
WHERE id IN (SELECT 1 + (%s + n * 997) %% %s FROM generate_series(1, %s) AS n)
"""
# The offer does not have the teams of a new event yet.
GROW = """
INSERT INTO events (id, country, begin_timestamp, end_timestamp, league, sport, odd, home_team, away_team)
SELECT n, 'COUNTRY 1', now() + interval '1 day', now() + interval '26 hours', 'LEAGUE 1', 'FOOTBALL', 1.5,
    'NEW TEAM ' || n, 'NEW TEAM -' || n
FROM (SELECT %s + generate_series(1, %s) AS n) AS numbered
"""


def main() -> None:
    ensure_catalogue()
    [casino] = store_casinos(["Offer benchmark"])
    table = Table("events", "measured", "p50", "p99", title="Cached offer; times in ms")
    with use_casino(casino.current):
        for size in SIZES:
            _fill(size)
            for measured, p50, p99 in _measure(size):
                table.add_row(f"{size:,}", measured, p50, p99)
    Console().print(table)


def _measure(size: int) -> list[tuple[str, str, str]]:
    own, allocated = _bytes()
    return [
        ("bytes per event, by Offer.nbytes", f"{own / size:.0f}", ""),
        ("the same, with the values that hybrid and the slip cache", f"{_bytes_with_hybrid() / size:.0f}", ""),
        ("bytes per event, by tracemalloc", f"{allocated / size:.0f}", ""),
        ("full load", *_times(lambda _: load_offer(timezone.now()), LOADS)),
        ("refresh, unchanged", *_times(lambda _: read_offer(timezone.now()), READS)),
        *(_refresh(size, changed) for changed in (1, 100)),
        _patch("1 odd changed", CHANGE, lambda number: [number * 7919, size, 1]),
        _patch("100 odds changed", CHANGE, lambda number: [number * 7919, size, 100]),
        _patch("20 new events", GROW, lambda number: [10 * size + 20 * number, 20]),
    ]


def _refresh(size: int, changed: int) -> tuple[str, str, str]:
    def change(number: int) -> None:
        _execute(CHANGE, [number * 7919, size, changed])

    title = f"refresh, {changed} odds changed"
    return (title, *_times(lambda _: read_offer(timezone.now()), READS, before=change))


def _patch(what: str, sql: str, parameters: Callable[[int], list[int]]) -> tuple[str, str, str]:
    """A row of the refresh without its query."""
    changes: list[Any] = []

    def change(number: int) -> None:
        _execute(sql, parameters(number))
        known = offers.known()
        changes.append((known, *query_changes(known.version, timezone.now())))

    def patch(_: int) -> None:
        known, version, changed = changes.pop()
        offers.advance(known, version, changed, timezone.now())

    return (f"refresh without the query, {what}", *_times(patch, READS, before=change))


def _bytes() -> tuple[int, int]:
    tracemalloc.start()
    offer = load_offer(timezone.now())
    allocated, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return offer.nbytes, allocated


def _bytes_with_hybrid() -> int:
    """The offer's size after one recommendation."""
    now = timezone.now().timestamp()
    offer = read_offer(timezone.now())
    context = ScoringContext(offer, now=now, hour=now // 3_600 * 3_600)
    choose(offer, RECOMMENDERS["hybrid"].score(context), Rules(now=now, limit=3))
    return offer.nbytes


def _times(
    work: Callable[[int], object], repeats: int, before: Callable[[int], object] = lambda _: None
) -> tuple[str, str]:
    taken = []
    for number in range(repeats):
        before(number)
        started = time.perf_counter()
        work(number)
        taken.append((time.perf_counter() - started) * 1000)
    return f"{statistics.median(taken):.2f}", f"{statistics.quantiles(taken, n=100)[98]:.2f}"


def _fill(size: int) -> None:
    _execute("TRUNCATE events CASCADE")
    _execute(FILL, [size])
    _execute("ANALYZE events")


def _execute(sql: str, parameters: list[Any] | None = None) -> None:
    with casino_connection().cursor() as cursor:
        cursor.execute(sql, parameters)


if __name__ == "__main__":
    main()
