"""The cache of each casino's served models, and of bet sequences and co-bettors counted from new coupons."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cachetools import LRUCache
from django.conf import settings

from recommendations.recommenders.base import NO_MODELS, FittedModels
from recommendations.recommenders.hybrid_features.bet_sequences import MIN_SELECTIONS, BetSequences
from recommendations.recommenders.hybrid_features.user_vectors import CoBettorSums, UserVectors
from tenants.ids import MAX_ID
from tenants.process_state import register
from tenants.routing.connections import casino_connection
from tenants.routing.context import get_current_casino

from .store import read_models, served_number

LEAST = 2_000  # size of a cached casino without counts and models, in selections
# Stored bytes of models that count as one selection: a selection takes about 500 bytes in memory, models up to twice
# their stored bytes, and trees five times.
BYTES_OF_SELECTION = 250
_MODELS = 8_000  # size of a casino's models, in selections; `fit_models` stores up to 1.9 MB
ROOM = 64 * (LEAST + 2 * MIN_SELECTIONS)  # for the casinos without a fitted model
FITTED_ROOM = ROOM + 64 * _MODELS

# For the select list of any query.
MODEL_VERSION = "(SELECT max(version) FROM fitted_models WHERE is_served)"

MOST_COUPONS = 20_000  # per read, the latest
MOST_EVENTS = 20_000  # counting restarts with more
# Counting restarts after this time, so that it includes late coupons, and excludes deleted coupons and those of users
# who have since refused personalisation.
RECOUNT_AFTER = timedelta(hours=1)
_OVERLAP = timedelta(minutes=1)  # coupons arrive late and out of order

# Excludes the coupons of users who do not allow personalisation, as the history for fitting models does.
_READ = f"""
SELECT id, user_id, timestamp, jsonb_path_query_array(recommended_events, '$[*].event_id')::text
FROM purchased_coupons AS coupon
WHERE timestamp > %s AND timestamp <= %s
    AND NOT EXISTS (SELECT FROM users WHERE users.id = coupon.user_id AND NOT users.personalisation)
ORDER BY timestamp DESC, id DESC LIMIT {MOST_COUPONS}
"""  # noqa: S608 (a number of this module)
_READ_ALL = _READ.replace("timestamp > %s AND ", "")


class LiveBets:
    """Models counted from a casino's new coupons: bet sequences, and with `user_vectors` each event's co-bettors.
    Thread-safe: while one thread reads, the others get the previous state."""

    def __init__(self, user_vectors: UserVectors | None) -> None:
        self._user_vectors = user_vectors
        self._restart()
        self._models = self._counted()
        self._read_at: datetime | None = None
        self._reading = threading.Lock()

    def at(self, now: datetime) -> tuple[object, ...]:
        """The counted models, at most `TRENDS_SECONDS` old; the same objects until the next read."""
        read_at = self._read_at
        is_due = read_at is None or abs((now - read_at).total_seconds()) >= settings.TRENDS_SECONDS
        if is_due and self._reading.acquire(blocking=read_at is None):
            try:
                if self._read_at is read_at:  # no other thread has read meanwhile
                    self._read_new(now)
            finally:
                self._reading.release()
        return self._models

    @property
    def selections(self) -> int:
        """The number of counted selections."""
        return self._sequences.selections

    def is_outdated(self, now: datetime) -> bool:
        """Whether the last read is `RECOUNT_AFTER` old, so that the next one restarts counting."""
        return self._read_at is not None and abs(now - self._read_at) >= RECOUNT_AFTER

    def _restart(self) -> None:
        self._sequences, self._read_ids = BetSequences(), dict[int, datetime]()
        self._sums = CoBettorSums(self._user_vectors) if self._user_vectors is not None else None
        self._latest: datetime | None = None
        self._started_at: datetime | None = None

    def _read_new(self, now: datetime) -> None:
        is_old = self._started_at is not None and abs(now - self._started_at) >= RECOUNT_AFTER
        if is_old or len(self._sequences.event_ids) > MOST_EVENTS:
            self._restart()
        self._started_at = self._started_at or now
        left = MIN_SELECTIONS
        coupons = []
        for coupon_id, user_id, timestamp, event_ids in _read(self._latest, now):
            if coupon_id not in self._read_ids:
                self._read_ids[coupon_id] = timestamp
                coupons.append((user_id, timestamp, ids := _known_ids(event_ids), left > 0))
                left -= len(ids)
        for coupon in reversed(coupons):
            self._add(*coupon)
        self._latest = max(self._read_ids.values(), default=self._latest)
        if self._latest is not None:
            self._read_ids = {each: at for each, at in self._read_ids.items() if at > self._latest - _OVERLAP}
        self._models, self._read_at = self._counted(), now

    def _add(self, user_id: int, timestamp: datetime, event_ids: list[int], is_in_sequence: bool) -> None:
        if is_in_sequence:
            self._sequences.add(user_id, timestamp.timestamp(), event_ids)
        if self._sums is not None:
            self._sums.add(user_id, event_ids)

    def _counted(self) -> tuple[object, ...]:
        counts = self._sequences.counts()
        return (counts,) if self._sums is None else (counts, self._sums.co_bettors())


def _known_ids(event_ids: str) -> list[int]:
    """The distinct valid ids of a JSON array. Coupons inserted by hand may have any other values."""
    try:
        found = json.loads(event_ids)
    except (ValueError, RecursionError):
        return []
    return list(dict.fromkeys(each for each in found if isinstance(each, int) and 0 < each <= MAX_ID))


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
    """The models of version `number`, which a request for `version` read; they have `nbytes` stored bytes. `combined`
    are the `models` and those `added` from coupons."""

    version: int | None
    number: int | None
    models: FittedModels
    nbytes: int
    live: LiveBets
    added: tuple[object, ...] = ()
    combined: FittedModels = NO_MODELS


class ModelCache:
    """LRU caches of casinos' models: one for casinos with a fitted model, and one for the others, which never evict the
    former. `fitted_room` and `room` are their sizes in counted selections; `BYTES_OF_SELECTION` bytes of stored models
    count as one. Thread-safe: fitted models are immutable."""

    def __init__(self, *, fitted_room: int, room: int) -> None:
        self._fitted_room, self._room = fitted_room, room
        self.reset()

    def reset(self) -> None:
        self._fitted = _lru_cache(self._fitted_room)
        self._unfitted = _lru_cache(self._room)
        self._lock = threading.Lock()
        self._reading: dict[str, threading.Lock] = {}

    def at(self, version: int | None, now: datetime, *, has_bets: bool = True) -> FittedModels:
        """The current casino's models of `version` (None: no fitted models); with `has_bets`, also those counted from
        coupons until about `now`. Frees counts that no request has used for `RECOUNT_AFTER`."""
        alias = get_current_casino().alias
        cached = self._get(alias)
        if not has_bets and cached is not None and cached.live.is_outdated(now):
            self._put(alias, cached := _with_new_bets(cached.version, cached.number, cached.models, cached.nbytes))
        if version is None and not has_bets:
            return NO_MODELS
        if cached is None or cached.version != version:
            cached = self._read(alias, version)
        if not has_bets:
            return cached.models
        added = cached.live.at(now)
        if added is not cached.added:
            cached.combined, cached.added = cached.models.including(*added), added
            self._update_size(alias, cached)
        return cached.combined

    def _read(self, alias: str, version: int | None) -> _CachedModels:
        """Read the casino's models in one thread for all that need them. A request whose version was renumbered by an
        erasure gets the models that another request has read since."""
        with self._lock:
            reading = self._reading.setdefault(alias, threading.Lock())
        with reading:
            cached = self._get(alias)
            if cached is None or (cached.version != version and cached.number != served_number(version)):
                read = (None, NO_MODELS, 0) if version is None else read_models(version)
                self._put(alias, cached := _with_new_bets(version, *read))
            return cached

    def _get(self, alias: str) -> _CachedModels | None:
        with self._lock:
            return self._fitted.get(alias) or self._unfitted.get(alias)

    def _put(self, alias: str, cached: _CachedModels) -> None:
        is_fitted = cached.models.version != ""
        with self._lock:
            (self._unfitted if is_fitted else self._fitted).pop(alias, None)
            (self._fitted if is_fitted else self._unfitted)[alias] = cached

    def _update_size(self, alias: str, cached: _CachedModels) -> None:
        """Put an entry back so that its new size counts, unless it was evicted or replaced."""
        with self._lock:
            for cache in (self._fitted, self._unfitted):
                if cache.get(alias) is cached:
                    cache[alias] = cached


def _lru_cache(room: int) -> LRUCache[str, _CachedModels]:
    def size(cached: _CachedModels) -> int:
        return min(LEAST + cached.live.selections + cached.nbytes // BYTES_OF_SELECTION, room)

    return LRUCache(room, size)


def _with_new_bets(version: int | None, number: int | None, models: FittedModels, nbytes: int) -> _CachedModels:
    return _CachedModels(version, number, models, nbytes, LiveBets(models.get(UserVectors)))


model_cache = ModelCache(fitted_room=FITTED_ROOM, room=ROOM)
register("cached models", reset=model_cache.reset)
