"""Who bet on what lately, in memory: co-bettors for the models that want them, followed coupon by coupon."""

import json
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from recommendations.recommenders.hybrid_features.user_vectors import CoBettors, CoBettorSums, UserVectors
from tenants.routing.connections import casino_connection

MOST_COUPONS = 20_000  # that are read at once, the latest
MOST_EVENTS = 20_000  # before all is read anew, without those that are over
_OVERLAP = timedelta(minutes=1)  # coupons come late, and in any order

_READ = f"""
SELECT user_id, timestamp, jsonb_path_query_array(recommended_events, '$[*].event_id')::text
FROM purchased_coupons WHERE timestamp > %s AND timestamp <= %s ORDER BY timestamp DESC, id DESC LIMIT {MOST_COUPONS}
"""  # noqa: S608 (a number of this code's own)
_READ_ALL = _READ.replace("timestamp > %s AND ", "")


class LiveCoBettors:
    """The co-bettors of one casino's events, by the user vectors of one version. Thread-safe: while one thread reads,
    the others get the previous state."""

    def __init__(self, user_vectors: UserVectors) -> None:
        self._sums = CoBettorSums(user_vectors)
        self._co_bettors = self._sums.co_bettors()
        self._read_at: datetime | None = None
        self._latest: datetime | None = None
        self._reading = threading.Lock()

    def at(self, now: datetime) -> CoBettors:
        """The co-bettors, at most `TRENDS_SECONDS` old."""
        if self._is_due(now) and self._reading.acquire(blocking=self._read_at is None):
            try:
                if self._is_due(now):
                    self._follow(now)
            finally:
                self._reading.release()
        return self._co_bettors

    def _is_due(self, now: datetime) -> bool:
        return self._read_at is None or abs((now - self._read_at).total_seconds()) >= settings.TRENDS_SECONDS

    def _follow(self, now: datetime) -> None:
        if len(self._sums.event_ids) > MOST_EVENTS:
            self._sums, self._latest = CoBettorSums(self._sums.user_vectors), None
        for user_id, timestamp, event_ids in _read(self._latest, now):
            self._sums.add(user_id, [each for each in json.loads(event_ids) if isinstance(each, int)])
            self._latest = timestamp if self._latest is None else max(self._latest, timestamp)
        self._co_bettors, self._read_at = self._sums.co_bettors(), now


def _read(latest: datetime | None, now: datetime) -> Sequence[Any]:
    with casino_connection().cursor() as cursor:
        if latest is None:
            cursor.execute(_READ_ALL, [now])
        else:
            cursor.execute(_READ, [latest - _OVERLAP, now])
        rows: list[Any] = cursor.fetchall()
        return rows
