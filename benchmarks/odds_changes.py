"""Latency of `/recommend` while 200 odds per second change in a casino with 10,000 open events.

One granian process with four threads, one client; rounds with and without changes alternate. Prints p50 and p99 of
both, and their ratios.

    python -m benchmarks.odds_changes
"""

import multiprocessing
import os
import random
import statistics
import time
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

from django.utils import timezone
from rich.console import Console
from rich.table import Table

from recommendations.services import configure
from tenants.models import Casino
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

from . import casino as benchmark
from .recommend import SCHEMA, measure_latencies, sender_for, serving

EVENTS, CHANGES_A_SECOND, ROUNDS, REQUESTS = 10_000, 200, 5, 300


def main() -> None:
    benchmark.EVENTS = EVENTS
    console = Console()
    with console.status("Building the casino"):
        casino = benchmark.build_casino()
        configure(casino=casino, recommender_type="hybrid", recommendation_schema=SCHEMA, now=timezone.now())
    quiet: list[float] = []
    busy: list[float] = []
    is_changing = multiprocessing.get_context("spawn").Event()
    writer = multiprocessing.get_context("spawn").Process(
        target=change_odds, args=(casino.pk, is_changing), daemon=True
    )
    writer.start()
    with serving("granian", 1), console.status("Measuring"):
        send = sender_for(casino, "hybrid")
        for _ in range(ROUNDS):
            is_changing.clear()
            quiet += measure_latencies(send, REQUESTS)
            is_changing.set()
            time.sleep(0.5)
            busy += measure_latencies(send, REQUESTS)
    writer.terminate()
    console.print(table_of(quiet, busy))


def change_odds(casino_id: int, is_changing: Any) -> None:
    """Change one odd per transaction, like a feed of single changes."""
    rng = random.Random(5)
    with use_casino(Casino.objects.get(pk=casino_id).current):
        due = time.perf_counter()
        while True:
            is_changing.wait()
            with casino_connection().cursor() as cursor:
                odd = rng.randint(105, 900) / 100
                cursor.execute("UPDATE events SET odd = %s WHERE id = %s", [odd, rng.randint(1, EVENTS)])
            due = max(due + 1 / CHANGES_A_SECOND, time.perf_counter() - 1)
            time.sleep(max(due - time.perf_counter(), 0))


def table_of(quiet: list[float], busy: list[float]) -> Table:
    title = f"{EVENTS:,} events, hybrid; {CHANGES_A_SECOND} odds changes per second"
    table = Table("", "p50 ms", "p99 ms", title=title)
    percentiles = {
        name: (statistics.median(taken) * 1000, statistics.quantiles(taken, n=100)[98] * 1000)
        for name, taken in (("none", quiet), ("changes", busy))
    }
    for name, each in percentiles.items():
        table.add_row(name, *(f"{value:.2f}" for value in each))
    ratios = (busy / quiet for busy, quiet in zip(percentiles["changes"], percentiles["none"], strict=True))
    table.add_row("ratio", *(f"{ratio:.2f}" for ratio in ratios))
    return table


if __name__ == "__main__":
    main()
