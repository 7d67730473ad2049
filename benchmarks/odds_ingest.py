"""Throughput of prices: messages of `odds` with four market lines each, from Kafka into one casino's tables.

Flat out, between the first and the last tenth of messages that are all sent beforehand: by the clock, and by the
processor time of the consumer and its PostgreSQL backend, which depends less on other work. Then at a steady rate:
the share of a core that both take, with updates within a page (HOT) and the size of the table.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from django.utils import timezone
from rich.console import Console

from ingestion.producers.sender import Sender
from ingestion.topics import ODDS
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.routing.connections import execute, query
from tenants.routing.context import use_casino

from .consumers import consumer, recreate_topics, wait_for
from .market_casinos import name_of
from .markets import load_markets, table_statistics

MARKETS_OF_MESSAGE = 4
STEADY = 2_000  # market lines a second
_TICK = 0.02
_WARM_UP = 5.0  # seconds
_TICKS = os.sysconf("SC_CLK_TCK")
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()"
_STORED = "SELECT sum(count) FROM ingestion_counts WHERE topic = 'odds' AND outcome = 'stored'"


def ingest_odds(console: Console, events: int, markets: int, messages: int, seconds: float) -> None:
    ensure_catalogue()
    [casino] = store_casinos(["Benchmark of odds"])
    with use_casino(casino.current), console.status("Loading"):
        load_markets(events, markets)
    _run_at_full_speed(console, casino, events, markets, messages)
    _steadily(console, casino, events, markets, seconds)


def _run_at_full_speed(console: Console, casino: Casino, events: int, markets: int, count: int) -> None:
    recreate_topics(ODDS)
    _send(casino, events, markets, count)
    with consumer(ODDS) as process:
        first = wait_for(ODDS, count * 0.1)
        backend = _backend_of(casino)
        here, there = _seconds(process.pid), _seconds(backend)
        last = wait_for(ODDS, count * 0.9)
        seconds, here, there = last[0] - first[0], _seconds(process.pid) - here, _seconds(backend) - there
        wait_for(ODDS, count)
    changes = (last[1] - first[1]) * MARKETS_OF_MESSAGE
    with use_casino(casino.current):
        [(stored,)] = query(_STORED)
        assert stored == count, stored
        execute("TRUNCATE ingestion_offsets, ingestion_counts")
    console.print(f"flat out: {changes / seconds:,.0f} changes/s with {(here + there) / seconds:.0%} of a core")
    console.print(
        f"processor time a change: consumer {here / changes * 1e6:.1f} µs, PostgreSQL {there / changes * 1e6:.1f} µs; "
        f"{changes / (here + there):,.0f} changes in a second of both"
    )


def _steadily(console: Console, casino: Casino, events: int, markets: int, seconds: float) -> None:
    recreate_topics(ODDS)
    with use_casino(casino.current):
        execute("VACUUM ANALYZE markets")
        before, size = table_statistics()
        with consumer(ODDS) as process:
            _send(casino, events, markets, int(_WARM_UP * STEADY / MARKETS_OF_MESSAGE), rate=STEADY)
            wait_for(ODDS, _WARM_UP * STEADY / MARKETS_OF_MESSAGE)
            backend = _backend_of(casino)
            began, here, there = time.perf_counter(), _seconds(process.pid), _seconds(backend)
            _send(casino, events, markets, int(seconds * STEADY / MARKETS_OF_MESSAGE), rate=STEADY)
            lapse = time.perf_counter() - began
            here, there = _seconds(process.pid) - here, _seconds(backend) - there
            wait_for(ODDS, (_WARM_UP + seconds) * STEADY / MARKETS_OF_MESSAGE)
        after, new_size = table_statistics()
    updates, hot = (later - earlier for earlier, later in zip(before, after, strict=True))
    console.print(
        f"{STEADY:,} changes/s for {lapse:.0f} s: consumer {here / lapse:.1%} of a core, PostgreSQL {there / lapse:.1%}"
    )
    console.print(
        f"{hot:,} of {updates:,} updates HOT ({hot / updates:.2%}); {size / 1e6:.0f} to {new_size / 1e6:.0f} MB"
    )


def _backend_of(casino: Casino) -> int:
    """The id of the PostgreSQL process of the consumer's connection to the casino's database."""
    with use_casino(casino.current):
        [(backend,)] = query(_BACKENDS, [casino.current.alias])
    return int(backend)


def _send(casino: Casino, events: int, markets: int, count: int, rate: float | None = None) -> None:
    """Send `count` messages, at `rate` market lines a second."""
    began, casino_id = time.perf_counter(), str(casino.pk)
    with Sender() as sender:
        for number, (event, value) in enumerate(_messages(random.Random(7), events, markets, count)):
            due = began + number * MARKETS_OF_MESSAGE / rate if rate else 0.0
            while due - time.perf_counter() > _TICK:
                time.sleep(_TICK)
            sender.send(ODDS.name, value, headers={"casino_id": casino_id}, key=str(event))


def _messages(rng: random.Random, events: int, markets: int, count: int) -> Iterator[tuple[int, bytes]]:
    for _ in range(count):
        event = rng.randint(1, events)
        lines = [_market(event, each, rng) for each in rng.sample(range(markets), MARKETS_OF_MESSAGE)]
        now = round(timezone.now().timestamp() * 1_000)
        yield event, msgspec.json.encode({"event_id": event, "producer": "LIVE", "timestamp": now, "markets": lines})


def _market(event: int, number: int, rng: random.Random) -> dict[str, object]:
    odds = [{"outcome": name, "odd": rng.randint(105, 900) / 100} for name in ("HOME", "DRAW", "AWAY")]
    market, line = name_of(event, number)
    return {"market": market, "line": float(line), "outcomes": odds}


def _seconds(process: int) -> float:
    """The processor seconds of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
