"""The cache of fitted models: each casino's served version, and its events' co-bettors, updated from new coupons."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cachetools import LRUCache
from django.conf import settings

from recommendations.recommenders.base import NO_MODELS, FittedModels
from recommendations.recommenders.hybrid_features.user_vectors import CoBettors, CoBettorSums, UserVectors
from tenants.ids import MAX_ID
from tenants.process_state import register
from tenants.routing.connections import casino_connection, current_alias

from .store import read_models

CAPACITY = 64

# For the select list of any query.
MODEL_VERSION = "(SELECT max(version) FROM fitted_models WHERE is_served)"

MOST_COUPONS = 20_000  # read at once, the latest
MOST_EVENTS = 20_000  # beyond, all coupons are read again, without past events
_OVERLAP = timedelta(minutes=1)  # coupons arrive late and out of order

_READ = f"""
SELECT user_id, timestamp, jsonb_path_query_array(recommended_events, '$[*].event_id')::text
FROM purchased_coupons WHERE timestamp > %s AND timestamp <= %s ORDER BY timestamp DESC, id DESC LIMIT {MOST_COUPONS}
"""  # noqa: S608 (a number of this module)
_READ_ALL = _READ.replace("timestamp > %s AND ", "")


class LiveCoBettors:
    """The co-bettors of one casino's events, from one version's user vectors. Thread-safe: while one thread reads, the
    others get the previous state."""

    def __init__(self, user_vectors: UserVectors) -> None:
        self._sums = CoBettorSums(user_vectors)
        self._co_bettors = self._sums.co_bettors()
        self._read_at: datetime | None = None
        self._latest: datetime | None = None
        self._reading = threading.Lock()

    def at(self, now: datetime) -> CoBettors:
        """The co-bettors, at most `TRENDS_SECONDS` old."""
        read_at = self._read_at
        is_due = read_at is None or abs((now - read_at).total_seconds()) >= settings.TRENDS_SECONDS
        if is_due and self._reading.acquire(blocking=read_at is None):
            try:
                if self._read_at is read_at:  # no other thread has read meanwhile
                    self._follow(now)
            finally:
                self._reading.release()
        return self._co_bettors

    def _follow(self, now: datetime) -> None:
        if len(self._sums.event_ids) > MOST_EVENTS:
            self._sums, self._latest = CoBettorSums(self._sums.user_vectors), None
        for user_id, timestamp, event_ids in _read(self._latest, now):
            self._sums.add(user_id, _known_ids(event_ids))
            self._latest = timestamp if self._latest is None else max(self._latest, timestamp)
        self._co_bettors, self._read_at = self._sums.co_bettors(), now


def _known_ids(event_ids: str) -> list[int]:
    """The valid ids of a JSON array, which coupons inserted by hand may fill with anything."""
    try:
        found = json.loads(event_ids)
    except (ValueError, RecursionError):
        return []
    return [each for each in found if isinstance(each, int) and 0 < each <= MAX_ID]


def _read(latest: datetime | None, now: datetime) -> Sequence[Any]:
    with casino_connection().cursor() as cursor:
        if latest is None:
            cursor.execute(_READ_ALL, [now])
        else:
            cursor.execute(_READ, [latest - _OVERLAP, now])
        rows: list[Any] = cursor.fetchall()
        return rows


@dataclass(slots=True)
class _CachedModels:
    version: int
    models: FittedModels
    live: LiveCoBettors | None


class ModelCache:
    """An LRU cache of casinos' models. Thread-safe: fitted models are immutable."""

    def __init__(self, capacity: int) -> None:
        self._cached: LRUCache[str, _CachedModels] = LRUCache(capacity)
        self._lock = threading.Lock()

    def at(self, version: int | None, now: datetime) -> FittedModels:
        """The current casino's models of this version, with the co-bettors as of about `now`."""
        if version is None:
            return NO_MODELS
        alias = current_alias()
        with self._lock:
            cached = self._cached.get(alias)
        if cached is None or cached.version != version:
            models = read_models(version)
            vectors = models.get(UserVectors)
            cached = _CachedModels(version, models, None if vectors is None else LiveCoBettors(vectors))
            with self._lock:
                self._cached[alias] = cached
        if cached.live is None:
            return cached.models
        co_bettors = cached.live.at(now)
        if cached.models.get(CoBettors) is not co_bettors:
            cached.models = cached.models.including(co_bettors)
        return cached.models

    def clear(self) -> None:
        """Forget all models: for tests, whose databases are rolled back."""
        with self._lock:
            self._cached.clear()


model_cache = ModelCache(CAPACITY)
register("cached models", reset=model_cache.clear)
