"""The cost of market prices: writing changes of one casino's markets.

    python -m benchmarks.markets --part writing
    python -m benchmarks.markets --part writing --events 3000 --markets 20

Prints, by the number of changes in a transaction, the changes per second of one process flat out, and the processor
time of a transaction: of this process and of its PostgreSQL backend. Then the share of updates within a page (HOT), and
the size of the table before and after them.
"""

import argparse
import os
import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

from django.utils import timezone
from rich.console import Console
from rich.table import Table

from recommendations.storing import store_odds
from recommendations.validation.markets import MarketRow, OddsRow, market_row
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos
from tenants.routing.connections import execute, query
from tenants.routing.context import use_casino

BATCHES = (400, 2_000)
CHANGES = 40_000  # of each size of batch
_TICKS = os.sysconf("SC_CLK_TCK")
_TABLE = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'markets'"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["writing"], default="writing")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--markets", type=int, default=100, help="of each event, with three outcomes")
    options = parser.parse_args()
    ensure_catalogue()
    [casino] = store_casinos(["Benchmark of markets"])
    with use_casino(casino.current):
        writing(Console(), options.events, options.markets)


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
        batches.append([_message(rng.randint(1, events), [rng.randrange(markets)], rng, as_of) for _ in range(batch)])
    began, here, there = time.perf_counter(), time.process_time(), _processor_seconds(backend)
    for rows in batches:
        store_odds(rows)
    seconds, count = time.perf_counter() - began, len(batches)
    yield f"{batch:,}"
    yield f"{batch * count / seconds:,.0f}"
    yield f"{(time.process_time() - here) / count * 1_000:.1f} ms"
    yield f"{(_processor_seconds(backend) - there) / count * 1_000:.1f} ms"


def _message(event: int, numbers: Any, rng: random.Random, as_of: datetime) -> OddsRow:
    return OddsRow(id=event, producer="LIVE", timestamp=as_of, markets=tuple(_market(each, rng) for each in numbers))


def _market(number: int, rng: random.Random) -> MarketRow:
    outcomes = [(name, rng.randint(1_050, 9_000)) for name in ("HOME", "DRAW", "AWAY")]
    return market_row(f"MARKET {number % 20}", str(number // 20 + 0.5), "open", outcomes)


def load_markets(events: int, markets: int) -> datetime:
    """Store the prices of the current casino's events from 1 to `events`, as of the returned time, an hour ago."""
    rng, now = random.Random(5), timezone.now() - timedelta(hours=1)
    execute("TRUNCATE markets, market_stops, market_lines, price_changes")
    for start in range(1, events + 1, 100):
        store_odds([_message(event, range(markets), rng, now) for event in range(start, min(start + 100, events + 1))])
    execute("VACUUM ANALYZE markets")
    return now


def table_statistics() -> tuple[tuple[int, int], int]:
    """Updates and updates within a page since the table was made, and its bytes."""
    execute("SELECT pg_stat_force_next_flush()")
    [counts] = query(_TABLE)
    [(size,)] = query("SELECT pg_table_size('markets')")
    return counts, size


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
