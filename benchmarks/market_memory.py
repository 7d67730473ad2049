"""The memory of cached prices, and the first requests of a casino without cached data."""

import random
import statistics
import time
from collections.abc import Callable
from functools import partial

from django.utils import timezone
from rich.table import Table

from recommendations.offer import offers
from recommendations.prices.cache import price_cache
from recommendations.prices.event_prices import unpack
from recommendations.prices.lines import Lines
from recommendations.prices.queries import read_prices
from recommendations.prices.request_prices import RequestPrices
from recommendations.services import recommend_mapped
from tenants.models import Casino
from tenants.routing.context import use_casino

from . import casino as benchmark
from .market_serving import Casinos

COLD = 200  # requests, each without cached data


def memory_of_prices(casino: Casino) -> str:
    """A sentence about the memory of this process's cached prices, after all events were loaded."""
    with use_casino(casino.current):
        RequestPrices(price_cache.known()).of(range(1, benchmark.EVENTS + 1))
        known = price_cache.known()
        rows = price_cache.get(price_cache.advance(known, known.version, None), range(1, benchmark.EVENTS + 1))
    line_bytes, count = known.kept.lines.nbytes, sum(unpack(row).odds.size for row in rows.values())
    return (
        f"{count:,} kept prices take {(price_cache.nbytes - line_bytes) / count:.1f} bytes each, the texts and tables "
        f"of {len(known.kept.lines):,} market lines {line_bytes / 1e6:.2f} MB"
    )


def cold(casinos: Casinos) -> Table:
    """Requests of a casino without cached data, compared with warm requests and with loading the data alone."""
    table = Table("casino", "warm ms", "without prices", "without prices and offer", "load of four events' prices")
    for name, casino in casinos.items():
        with use_casino(casino.current):
            durations = [_median(partial(_ask_after, casino, forget)) for forget in _FORGETTING]
            durations.append(_median(_load_prices))
        table.add_row(name, *(f"{each * 1_000:.2f}" for each in durations))
    return table


def _forget_all() -> None:
    price_cache.reset()
    offers.reset()


_FORGETTING: tuple[Callable[[], None], ...] = (lambda: None, price_cache.reset, _forget_all)


def _ask_after(casino: Casino, forget: Callable[[], None]) -> float:
    forget()
    user = random.randint(1, benchmark.USERS)
    return _timed(lambda: recommend_mapped(casino=casino, user_ids=[user], now=timezone.now()))


def _load_prices() -> float:
    events = random.sample(range(1, benchmark.EVENTS + 1), 4)
    return _timed(lambda: read_prices(events, Lines()))


def _median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(COLD))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
