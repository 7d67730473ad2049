"""Metrics of prices in this process's requests."""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from recommendations.offer.arrays import Codes
from tenants.process_state import register

from .feeds import Feeds

MAX_CASINOS = 1_024
_SECONDS = 1.0  # minimal interval between two samples of a casino


@dataclass(frozen=True, slots=True)
class SeenPrices:
    """A sample of a casino's prices in a request at `seen_at` (`time.monotonic`). `alive`: the bits of the producers
    whose prices may be served; `priced_events`: the number of events with an open price of such a producer."""

    seen_at: float
    feeds: Feeds
    alive: int
    priced_events: int


class PriceMeter:
    """Counts events without a servable price by refusal code, and samples prices. Thread-safe."""

    def __init__(self) -> None:
        self._second_queries = 0
        self._passed_over: Counter[str] = Counter()
        self.reset()

    def reset(self) -> None:
        """Forget the samples. The counts stay, since Prometheus' counters must not fall."""
        self._lock = threading.Lock()
        self._seen: OrderedDict[int, SeenPrices] = OrderedDict()

    def count_second_query(self) -> None:
        with self._lock:
            self._second_queries += 1

    def note(
        self, casino_id: int, feeds: Feeds, silence_seconds: float, offered_by: Codes, passed_over: Sequence[str]
    ) -> None:
        """Record one request. `offered_by`: as in `Offer`; `passed_over`: the refusal codes of events that ranked high
        enough."""
        now = time.monotonic()
        with self._lock:
            if passed_over:  # updating with nothing takes longer than the rest of the method
                self._passed_over.update(passed_over)
            seen = self._seen.get(casino_id)
            if seen is not None and now - seen.seen_at < _SECONDS:
                return
            alive = feeds.alive(silence_seconds)
            priced = int(np.count_nonzero((offered_by > 0) & (offered_by & alive != 0)))
            self._seen[casino_id] = SeenPrices(now, feeds, alive, priced)
            self._seen.move_to_end(casino_id)
            if len(self._seen) > MAX_CASINOS:
                self._seen.popitem(last=False)

    @property
    def second_queries(self) -> int:
        return self._second_queries

    def passed_over(self) -> dict[str, int]:
        with self._lock:
            return dict(self._passed_over)

    def seen(self) -> dict[int, SeenPrices]:
        """The latest sample by casino id, for the casinos that were used last."""
        with self._lock:
            return dict(self._seen)

    def forget(self, casino_ids: Iterable[int]) -> None:
        with self._lock:
            for casino_id in casino_ids:
                self._seen.pop(casino_id, None)


price_meter = PriceMeter()
register("seen prices", reset=price_meter.reset)
