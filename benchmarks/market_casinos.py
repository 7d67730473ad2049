"""Two casinos that differ in the prices of their events only: an odd for each, or markets. And a process that changes
the prices of markets."""

import multiprocessing
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from django.utils import timezone

from recommendations.services import configure
from recommendations.storing import prune_casino_tallies, store_odds
from recommendations.validation.markets import Heard, MarketRow, OddsRow, market_row
from recommendations.validation.rows import CouponRow, Selection
from tenants.models import Casino
from tenants.routing.connections import execute, query
from tenants.routing.context import use_casino

from . import casino as benchmark
from .recommend import SCHEMA

OUTCOMES = ("HOME", "DRAW", "AWAY")
PRODUCER, PARTITIONS = "LIVE", 3
_NAMES, _LINES = 20, 20  # names of markets; lines of each
_OPEN_OF_TEN = 9
_BATCH = 100  # events
_BATCHES_A_SECOND = 10


def build_casinos(events: int, markets: int) -> dict[str, Casino]:
    """Kind of prices -> casino: `odd`, or `markets`, which its coupons name too."""
    rng, benchmark.EVENTS = random.Random(6), events
    casinos = {
        "odd": benchmark.build_casino("Benchmark of odds"),
        "markets": benchmark.build_casino("Benchmark of markets", coupon_of=partial(_with_outcomes, markets, rng)),
    }
    with use_casino(casinos["markets"].current):
        store_markets(events, markets, timezone.now())
    for casino in casinos.values():
        # the prices are older than the silence while the casinos were built
        configure(
            casino=casino,
            recommender_type="hybrid",
            recommendation_schema=SCHEMA,
            options={"trust_after_silence": True},
            now=timezone.now(),
        )
        with use_casino(casino.current):
            prune_casino_tallies(timezone.now())  # also counts the offered outcomes
            execute("VACUUM ANALYZE")
    return casinos


def store_markets(events: int, markets: int, now: datetime) -> None:
    """Replace the market lines of the current casino's events by this number for each."""
    rng = random.Random(5)
    execute("TRUNCATE markets, market_stops, market_lines, price_changes")
    for start in range(1, events + 1, _BATCH):
        numbers = range(start, min(start + _BATCH, events + 1))
        store_odds([message(event, range(markets), rng, now) for event in numbers])
    store_odds(heartbeats(now))


def message(event: int, numbers: Sequence[int], rng: random.Random, as_of: datetime) -> OddsRow:
    """A message with new prices of an event's market lines with these numbers."""
    markets = tuple(_market(event, each, rng) for each in numbers)
    return OddsRow(id=event, producer=PRODUCER, timestamp=as_of, markets=markets)


def name_of(event: int, number: int) -> tuple[str, str]:
    """The market and the line of an event's market line with this number."""
    return f"MARKET {number % _NAMES}", str((number // _NAMES + event) % _LINES + 0.5)


def heartbeats(now: datetime) -> list[OddsRow]:
    heard = [Heard(partition, now, is_heartbeat=True) for partition in range(PARTITIONS)]
    return [OddsRow(producer=PRODUCER, timestamp=now, heard=each) for each in heard]


@contextmanager
def changing(casino: Casino, events: int, markets: int, changes: int) -> Iterator[list[int]]:
    """Start a process that stores `changes` of market lines a second, each with three prices, and heartbeats. Yields
    the id of its PostgreSQL process, in a list."""
    spawning = multiprocessing.get_context("spawn")
    backend = spawning.Value("i", 0)
    arguments = (casino.pk, events, markets, changes, backend)
    writer = spawning.Process(target=change_prices, args=arguments, daemon=True)
    writer.start()
    try:
        while not backend.value and writer.is_alive():
            time.sleep(0.1)
        yield [backend.value]
    finally:
        writer.terminate()
        writer.join()


def change_prices(casino_id: int, events: int, markets: int, changes: int, backend: Any) -> None:
    rng, due = random.Random(5), time.perf_counter()
    with use_casino(Casino.objects.get(pk=casino_id).current):
        while True:
            now = timezone.now()
            numbers = [(rng.randint(1, events), [rng.randrange(markets)]) for _ in range(changes // _BATCHES_A_SECOND)]
            store_odds([*heartbeats(now), *(message(event, each, rng, now) for event, each in numbers)])
            [(backend.value,)] = query("SELECT pg_backend_pid()")
            due = max(due + 1 / _BATCHES_A_SECOND, time.perf_counter() - 1)
            time.sleep(max(due - time.perf_counter(), 0))


def _market(event: int, number: int, rng: random.Random) -> MarketRow:
    status = "open" if rng.randrange(10) < _OPEN_OF_TEN else "suspended"
    return market_row(*name_of(event, number), status, [(name, rng.randint(1_050, 9_000)) for name in OUTCOMES])


def _with_outcomes(markets: int, rng: random.Random, coupon: CouponRow) -> CouponRow:
    bets = tuple(_bet(each, markets, rng) for each in coupon.recommended_events)
    return msgspec.structs.replace(coupon, recommended_events=bets)


def _bet(selection: Selection, markets: int, rng: random.Random) -> Selection:
    """The selection on one of the event's markets, more often the first ones."""
    number = min(int(rng.expovariate(0.3)), markets - 1)
    market, line = name_of(int(selection.event_id or 0), number)
    return msgspec.structs.replace(selection, market=market, line=line, outcome=rng.choice(OUTCOMES))
