"""Casinos' trends in memory, read anew now and then."""

import threading
from datetime import datetime

import msgspec
import numpy as np
from cachetools import LRUCache
from django.conf import settings

from recommendations.validation.fields import MAX_REFERENCE
from tenants.routing.connections import current_alias

from .casino_sums import SEPARATOR, TREND_HALF_LIFE
from .selections import HALF_LIFE, Match
from .trends import NO_TRENDS, Trends

CAPACITY = 256
MOST_EVENTS = 20_000
_MATCH_PARTS = 4

_Row = tuple[str, str, float, float, int, float]  # attribute, value, weight, recent, count, as of

# For the select list of any query, with the parameter `hour` (Unix seconds). Of events only the latest count.
_AGE = "least(greatest(%(hour)s - as_of, 0) / {half_life}, 300)"
TRENDS = f"""(
    SELECT json_agg(json_build_array(
        attribute, value,
        weight * power(2, -{_AGE.format(half_life=HALF_LIFE)}),
        CASE WHEN trend > 1e-6 THEN trend * power(2, -{_AGE.format(half_life=TREND_HALF_LIFE)}) ELSE 0 END,
        count, as_of
    ))::text
    FROM (
        (SELECT * FROM casino_tallies WHERE attribute <> 'event')
        UNION ALL
        (
            SELECT * FROM casino_tallies WHERE attribute = 'event'
            ORDER BY as_of DESC, trend DESC, value LIMIT {MOST_EVENTS}
        )
    ) AS tallies
)"""  # noqa: S608 (numbers of this code's own)

_DECODER = msgspec.json.Decoder(list[_Row])


class TrendCache:
    """The trends of the casinos asked for last. Safe under threads: a snapshot never changes."""

    def __init__(self, capacity: int) -> None:
        self._kept: LRUCache[str, tuple[datetime, Trends]] = LRUCache(capacity)
        self._guard = threading.Lock()

    def is_due(self, now: datetime) -> bool:
        """Whether the current casino's trends are to be read; if so, whoever asks next need not."""
        alias = current_alias()
        with self._guard:
            read_at, trends = self._kept.get(alias, (None, NO_TRENDS))
            is_due = read_at is None or abs((now - read_at).total_seconds()) >= settings.TRENDS_SECONDS
            if is_due:
                self._kept[alias] = now, trends
        return is_due

    def clear(self) -> None:
        """Forget all: for tests, whose databases change back."""
        with self._guard:
            self._kept.clear()

    def get(self) -> Trends:
        with self._guard:
            _, trends = self._kept.get(current_alias(), (None, NO_TRENDS))
            return trends

    def keep(self, rows: str | None, now: datetime) -> Trends:
        """Keep what the column `TRENDS` answered."""
        trends = read_trends(rows)
        with self._guard:
            self._kept[current_alias()] = now, trends
        return trends


trend_cache = TrendCache(CAPACITY)


def read_trends(rows: str | None) -> Trends:
    weights: dict[str, dict[str, float]] = {}
    recent: dict[str, dict[str, float]] = {}
    events: list[tuple[int, float, int, float]] = []
    matches: dict[Match, float] = {}
    for attribute, value, weight, trend, count, as_of in _DECODER.decode(rows) if rows else ():
        if attribute != "event":
            weights.setdefault(attribute, {})[value] = weight
            recent.setdefault(attribute, {})[value] = trend
        elif value.isdecimal():
            if int(value) <= MAX_REFERENCE:
                events.append((int(value), trend, count, as_of))
        elif len(match := value.split(SEPARATOR)) == _MATCH_PARTS:
            matches[match[0], match[1], match[2], match[3]] = trend
    events.sort()
    ids, *columns = list(zip(*events, strict=True)) or [()] * 4
    trends, counts, lasts = (np.array(column, dtype=np.float64) for column in columns)
    return Trends(weights, recent, np.array(ids, dtype=np.int64), trends, matches, counts, lasts)
