"""Metrics of the web processes, for Prometheus.

If there are several processes, they store their values in the folder `PROMETHEUS_MULTIPROC_DIR`, and any of them
answers for all.
"""

import os
import re
import threading
import time
from functools import lru_cache
from math import nan
from pathlib import Path

from django.conf import settings
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from recommendations.offer import offers
from recommendations.prices.cache import price_cache
from recommendations.prices.meter import SeenPrices, price_meter
from recommendations.serving.recommendation import ServedRecommendation
from recommendations.tallies.tallies_cache import tallies_cache
from tenants.process_state import register
from tenants.routing.connections import connection_metrics

REQUESTS = Counter(
    "recsys_requests", "Requests by method, route, status and casino.", ["method", "route", "status", "casino"]
)
SECONDS = Histogram(
    "recsys_request_seconds",
    "Time from the first middleware to the response.",
    ["route"],
    buckets=(0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1, 2.5, 5, 10),
)
SERVED = Counter(
    "recsys_recommendations_served",
    "Served recommendations by casino and recommender; fallback is its step in the chain, empty for the first.",
    ["casino", "recommender", "fallback"],
)
CONNECTIONS = Gauge(
    "recsys_casino_connections", "Connections to casinos' databases.", ["state"], multiprocess_mode="livesum"
)
CONNECTION_EVENTS = Counter(
    "recsys_casino_connection_events",
    "Connections opened, reused, evicted, expired and lost; and check-outs that waited or failed.",
    ["event"],
)
PRICED_EVENTS = Gauge(
    "recsys_priced_events",
    "Events with an open price of a producer whose feed is open, by casino, as of its latest request.",
    ["casino"],
    multiprocess_mode="livemostrecent",
)
FEED_ALIVE = Gauge(
    "recsys_feed_alive",
    "1 if the producer's prices may be served, 0 if silent, down or closed by hand; as of the latest request.",
    ["casino", "producer"],
    multiprocess_mode="livemostrecent",
)
FEED_SILENT = Gauge(
    "recsys_feed_silent_seconds",
    "Longest silence of a partition of a producer with heartbeats, in seconds; as of the latest request.",
    ["casino", "producer"],
    multiprocess_mode="livemostrecent",
)
PASSED_OVER = Counter(
    "recsys_events_passed_over", "Events that ranked high enough but had no servable price, by reason.", ["reason"]
)
SECOND_QUERIES = Counter("recsys_price_second_queries", "Queries for prices that were not cached.")
PRICES_BYTES = Gauge("recsys_prices_bytes", "Memory of cached prices.", multiprocess_mode="livesum")
TALLIES_BYTES = Gauge("recsys_tallies_bytes", "Memory of cached tallies of users.", multiprocess_mode="livesum")
OFFERS_BYTES = Gauge("recsys_offers_bytes", "Memory of cached offers.", multiprocess_mode="livesum")

_children = lru_cache(8_192)(lambda metric, *labels: metric.labels(*labels))  # several times faster
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_STATES = ("open", "in_use", "idle")
_EVENTS = ("opened", "reused", "evicted", "expired", "lost", "waited", "refused")
_SAMPLE_SECONDS = 1.0
_SEEN_SECONDS = 60.0
_GAUGE_FILE = re.compile(r"_(\d+)\.db$")


def count_request(method: str, route: str, status: int, casino_id: int | None, seconds: float) -> None:
    casino = "" if casino_id is None else str(casino_id)
    method = method if method in _METHODS else "other"  # clients may send any method
    _children(REQUESTS, method, route, str(status), casino).inc()
    _children(SECONDS, route).observe(seconds)
    sampler.sample()


def count_served(casino_id: int, served: ServedRecommendation, **signal: object) -> None:
    if served.events and served.shown is not False:
        _children(SERVED, str(casino_id), served.recommender, served.fallback).inc()


class Sampler:
    """Copies other modules' counts into metrics, at most once a second."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._at = 0.0
        self._counted = dict.fromkeys(_EVENTS, 0)
        self._passed_over: dict[str, int] = {}
        self._second_queries = 0
        self._shown: dict[int, float] = {}  # casino -> time of the last copied sample

    def reset_after_fork(self) -> None:
        self._guard = threading.Lock()

    def sample(self) -> None:
        if time.monotonic() < self._at or not self._guard.acquire(blocking=False):
            return
        try:
            self._at = time.monotonic() + _SAMPLE_SECONDS
            self._copy()
        finally:
            self._guard.release()

    def _copy(self) -> None:
        found = connection_metrics()
        for state in _STATES:
            CONNECTIONS.labels(state).set(getattr(found, state))
        for event in _EVENTS:
            count = getattr(found, event)
            CONNECTION_EVENTS.labels(event).inc(max(count - self._counted[event], 0))
            self._counted[event] = count
        OFFERS_BYTES.set(offers.nbytes)
        TALLIES_BYTES.set(tallies_cache.nbytes)
        PRICES_BYTES.set(price_cache.nbytes)
        self._copy_price_counts()
        self._show_seen_prices()

    def _copy_price_counts(self) -> None:
        counts = price_meter.passed_over()
        for reason, count in counts.items():
            PASSED_OVER.labels(reason).inc(count - self._passed_over.get(reason, 0))
        self._passed_over = counts
        second_queries = price_meter.second_queries
        SECOND_QUERIES.inc(second_queries - self._second_queries)
        self._second_queries = second_queries

    def _show_seen_prices(self) -> None:
        """Copy each sample of prices once; of several processes, the latest sample counts."""
        seen, oldest = price_meter.seen(), time.monotonic() - _SEEN_SECONDS
        for casino_id, prices in seen.items():
            is_known = prices.seen_at >= oldest
            if not is_known or prices.seen_at != self._shown.get(casino_id):
                _show(str(casino_id), prices, is_known=is_known)
        price_meter.forget(casino_id for casino_id, prices in seen.items() if prices.seen_at < oldest)
        self._shown = {casino_id: prices.seen_at for casino_id, prices in seen.items()}


def _show(casino: str, prices: SeenPrices, *, is_known: bool) -> None:
    """Set a sample's gauges, or NaN if no request has sampled for a while: labels shared by processes can't be
    removed."""
    PRICED_EVENTS.labels(casino).set(prices.priced_events if is_known else nan)
    for code, producer in prices.feeds.producers.items():
        FEED_ALIVE.labels(casino, producer.name).set(prices.alive >> code & 1 if is_known else nan)
        if producer.sends_heartbeats and producer.silent_seconds is not None:
            FEED_SILENT.labels(casino, producer.name).set(producer.silent_seconds if is_known else nan)


sampler = Sampler()
register("sampled metrics", after_fork=sampler.reset_after_fork)  # no reset: Prometheus' counters keep their values


def exposition() -> bytes:
    """All metrics in Prometheus' text format, of all processes if they share a folder."""
    sampler.sample()
    if settings.METRICS_DIR is None:
        return generate_latest(REGISTRY)
    _drop_dead_processes(settings.METRICS_DIR)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(settings.METRICS_DIR))
    return generate_latest(registry)


def _drop_dead_processes(folder: Path) -> None:
    """Remove the gauges of ended processes. Their counters stay."""
    pids = {int(match[1]) for file in folder.glob("gauge_live*.db") if (match := _GAUGE_FILE.search(file.name))}
    for pid in pids:
        if not _is_alive(pid):
            mark_process_dead(pid, path=str(folder))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
