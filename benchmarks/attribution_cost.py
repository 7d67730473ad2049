"""The cost that the note of a coupon adds to storing it."""

import random
import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tenants.routing.connections import execute, query
from tenants.routing.context import use_casino

from .attribution_coupons import Coupons

_TRIGGER = "purchased_coupons_note_attribution"
_WARM_UP = 8  # batches


def measure_cost(console: Console, pair: tuple[Coupons, Coupons], batches: int) -> None:
    table = Table("coupons of a batch", "µs a coupon", "with notes / without", "95 % confidence interval")
    for size in (500, 20, 1):
        with console.status(f"Batches of {size}"):
            table.add_row(str(size), *_compare(pair, size, batches))
    console.print(table)


def _compare(pair: tuple[Coupons, Coupons], size: int, batches: int) -> tuple[str, str, str]:
    """Compare batches with and without notes. Each casino has notes in one half, so that other differences between the
    two casinos cancel out."""
    halves = [_half(pair, noted, size, batches) for noted in pair]
    samples = [
        _ratio([_resample(with_notes), _resample(without)] for with_notes, without in halves) for _ in range(1_000)
    ]
    low, *_, high = statistics.quantiles(samples, n=40)
    cost = statistics.median(seconds for _, without in halves for seconds in without) / size
    return f"{cost * 1e6:.0f}", f"{_ratio(halves):.3f}", f"{low:.3f} to {high:.3f}"


def _half(pair: tuple[Coupons, Coupons], noted: Coupons, size: int, batches: int) -> list[list[float]]:
    """The processor seconds of each batch with notes, and of each batch without."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    for coupons in pair:
        with use_casino(coupons.casino.current):
            execute(f"ALTER TABLE purchased_coupons {'ENABLE' if coupons is noted else 'DISABLE'} TRIGGER {_TRIGGER}")
            execute("TRUNCATE due_attributions")
            for _ in range(_WARM_UP):  # statements are planned again
                coupons.store(coupons.messages(size))
    for _ in range(batches):
        for coupons in random.sample(pair, 2):
            with use_casino(coupons.casino.current):
                taken[coupons is noted].append(_processor_seconds_of(coupons, size))
    return [taken[True], taken[False]]


def _ratio(halves: Iterable[Sequence[Sequence[float]]]) -> float:
    """The geometric mean of both halves' ratios of medians: a few interrupted batches would dominate means."""
    return statistics.geometric_mean(statistics.median(one) / statistics.median(other) for one, other in halves)


def _resample(values: Sequence[float]) -> list[float]:
    """A bootstrap sample."""
    return random.choices(values, k=len(values))


def _processor_seconds_of(coupons: Coupons, size: int) -> float:
    """The processor seconds of storing a batch, in this process and its PostgreSQL backend."""
    batch = coupons.messages(size)
    before = _processor_seconds()
    coupons.store(batch)
    return _processor_seconds() - before


def _processor_seconds() -> float:
    [(backend,)] = query("SELECT pg_backend_pid()")
    nanoseconds = int(Path(f"/proc/{backend}/schedstat").read_text().split()[0])
    return time.process_time() + nanoseconds / 1e9
