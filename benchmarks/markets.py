"""The cost of market prices: writing changes of one casino's markets, and serving them while they change.

    python -m benchmarks.markets --part writing
    python -m benchmarks.markets --part serving --events 3000 --markets 20 --changes 200
    python -m benchmarks.markets --part serving --events 10000 --markets 100 --changes 2000

`writing` prints, by the number of changes in a transaction, the changes per second of one process flat out, and the
processor time of a transaction: of this process and of its PostgreSQL backend. Then the share of updates within a page
(HOT), and the size of the table before and after them.

`serving` compares the casino with one that is alike but sends an odd for each event: latency and processor time of a
request in process and over HTTP, without changes and while another process stores `--changes` a second; a request of a
casino with nothing in memory; and the memory of a kept price.
"""

import argparse
import os
import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

from django.utils import timezone
from rich.console import Console
from rich.table import Table

from recommendations.storing import store_odds
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos
from tenants.routing.connections import execute, query
from tenants.routing.context import use_casino

from .market_casinos import build_casinos, changing, message, store_markets
from .market_memory import cold, memory_of_prices
from .market_serving import in_process, over_http, processor_seconds, table_of
from .recommend import SERVERS

BATCHES = (400, 2_000)
CHANGES = 40_000  # batches of each size
_TABLE = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'markets'"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["writing", "serving"], default="writing")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--markets", type=int, default=100, help="of each event, with three outcomes")
    parser.add_argument("--changes", type=int, default=2_000, help="of market lines a second, while serving")
    parser.add_argument("--requests", type=int, default=3_000, help="to each casino, in each way of serving")
    parser.add_argument("--server", choices=SERVERS, default="gunicorn")
    options = parser.parse_args()
    if options.part == "writing":
        ensure_catalogue()
        [casino] = store_casinos(["Benchmark of markets"])
        with use_casino(casino.current):
            writing(Console(), options.events, options.markets)
    else:
        serve(Console(), options)


def serve(console: Console, options: argparse.Namespace) -> None:
    events, markets, requests = options.events, options.markets, options.requests
    with console.status("Building the casinos"):
        casinos = build_casinos(events, markets)
    for changes in (0, options.changes):
        title = f"{events:,} events of {markets} markets, {changes:,} changes a second"
        with changing(casinos["markets"], events, markets, changes) as writers, console.status("Measuring"):
            console.print(table_of(in_process(casinos, requests, writers), f"In process: {title}"))
            console.print(table_of(over_http(casinos, requests, options.server, writers), f"{options.server}: {title}"))
            if not changes:
                console.print(cold(casinos))
    console.print(memory_of_prices(casinos["markets"]))


def writing(console: Console, events: int, markets: int) -> None:
    rng = random.Random(5)
    with console.status("Loading"):
        began = time.perf_counter()
        now = load_markets(events, markets)
        console.print(f"Loaded {events * markets:,} market lines in {time.perf_counter() - began:.1f} s")
    before, size = table_statistics()
    table = Table("changes in a transaction", "changes/s", "processor time here", "of PostgreSQL")
    for batch in BATCHES:
        with console.status(f"Writing by {batch}"):
            table.add_row(*_measure(batch, events, markets, rng, now))
    console.print(table)
    after, new_size = table_statistics()
    updates, hot = (later - earlier for earlier, later in zip(before, after, strict=True))
    console.print(
        f"{hot:,} of {updates:,} updates HOT ({hot / updates:.2%}); {size / 1e6:.0f} to {new_size / 1e6:.0f} MB"
    )


def _measure(batch: int, events: int, markets: int, rng: random.Random, now: datetime) -> Iterator[str]:
    [(backend,)] = query("SELECT pg_backend_pid()")
    batches = []
    for number in range(max(CHANGES // batch, 10)):
        as_of = now + timedelta(seconds=batch + number)
        batches.append([message(rng.randint(1, events), [rng.randrange(markets)], rng, as_of) for _ in range(batch)])
    began, here, there = time.perf_counter(), time.process_time(), processor_seconds(backend)
    for rows in batches:
        store_odds(rows)
    seconds, count = time.perf_counter() - began, len(batches)
    yield f"{batch:,}"
    yield f"{batch * count / seconds:,.0f}"
    yield f"{(time.process_time() - here) / count * 1_000:.1f} ms"
    yield f"{(processor_seconds(backend) - there) / count * 1_000:.1f} ms"


def load_markets(events: int, markets: int) -> datetime:
    """Store the prices of the current casino's events from 1 to `events`. Returns their time, an hour ago."""
    now = timezone.now() - timedelta(hours=1)
    store_markets(events, markets, now)
    execute("VACUUM ANALYZE markets")
    return now


def table_statistics() -> tuple[tuple[int, int], int]:
    """Updates, and updates within a page, since the table was created; and its bytes."""
    execute("SELECT pg_stat_force_next_flush()")
    [counts] = query(_TABLE)
    [(size,)] = query("SELECT pg_table_size('markets')")
    return counts, size


if __name__ == "__main__":
    main()
