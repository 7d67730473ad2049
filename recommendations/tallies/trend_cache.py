"""A cache of casinos' trends, with a TTL of `TRENDS_SECONDS`."""

import logging
import threading
from datetime import datetime
from hashlib import sha256

import msgspec
import numpy as np
from cachetools import LRUCache
from django.conf import settings

from recommendations.validation.fields import SEPARATOR
from recommendations.validation.identity import Match, match_of
from tenants.numbers import parse_id
from tenants.process_state import register
from tenants.routing.context import get_current_casino

from .outcome_keys import OFFERED_ATTRIBUTES, OUTCOME_ATTRIBUTES
from .packed_tallies import TALLIED
from .selections import WEIGHT_HALF_LIFE
from .trends import NO_TRENDS, TREND_HALF_LIFE, Trends

CAPACITY = 256
MAX_EVENTS = 20_000
MAX_VALUES = 25_000
_MATCH_PARTS = 5
_READ = (*TALLIED, *OUTCOME_ATTRIBUTES, *OFFERED_ATTRIBUTES)  # besides events

_Entry = tuple[datetime, Trends, bytes]  # read at, trends, digest of their rows

logger = logging.getLogger(__name__)

_TallyRow = tuple[str, str, float, float, int, float]  # attribute, value, weight, recent, count, as of

# For the select list of any query, with the parameter `hour` (Unix seconds). Only the latest events are read. For other
# attributes, storing keeps at most `MAX_VALUES` values; if another program wrote more, an arbitrary subset is read.
_AGE = "least(greatest(%(hour)s - as_of, 0) / {half_life}, 300)"
TRENDS = f"""(
    SELECT json_agg(json_build_array(
        attribute, value,
        weight * power(2, -{_AGE.format(half_life=WEIGHT_HALF_LIFE)}),
        CASE WHEN trend > 1e-6 THEN trend * power(2, -{_AGE.format(half_life=TREND_HALF_LIFE)}) ELSE 0 END,
        count, as_of
    ))::text
    FROM (
        SELECT read.* FROM unnest(ARRAY{[*_READ]}) AS tallied (attribute), LATERAL (
            SELECT * FROM casino_tallies AS tally WHERE tally.attribute = tallied.attribute LIMIT {MAX_VALUES}
        ) AS read
        UNION ALL
        (
            SELECT * FROM casino_tallies WHERE attribute = 'event'
            ORDER BY as_of DESC, trend DESC, value LIMIT {MAX_EVENTS}
        )
    ) AS tallies
)"""  # noqa: S608 (constants of this module)

_DECODER = msgspec.json.Decoder(list[_TallyRow])


class TrendCache:
    """An LRU cache of casinos' trends. Thread-safe: `Trends` are immutable."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.reset()

    def reset(self) -> None:
        self._entries: LRUCache[str, _Entry] = LRUCache(self._capacity)
        self._lock = threading.Lock()

    def get(self, now: datetime) -> Trends | None:
        """The current casino's trends; None once they have expired. Then the caller must read them: until `put`, other
        callers get the expired trends."""
        alias = get_current_casino().alias
        with self._lock:
            read_at, trends, digest = self._entries.get(alias, (None, NO_TRENDS, b""))
            if read_at is not None and abs((now - read_at).total_seconds()) < settings.TRENDS_SECONDS:
                return trends
            self._entries[alias] = now, trends, digest
        return None

    def put(self, rows: str | None, now: datetime) -> Trends:
        """Decode and cache the value of the column `TRENDS`. If it is unchanged, the cached `Trends` stay, with all
        values computed from them: a casino without new bets in this hour has equal rows."""
        alias, digest = get_current_casino().alias, sha256((rows or "").encode()).digest()
        with self._lock:
            _, trends, known = self._entries.get(alias, (None, NO_TRENDS, b""))
        if known != digest:
            try:
                trends = decode_trends(rows)
            except msgspec.MsgspecError as error:  # such as infinite numbers
                logger.warning("Tallies of %s are unreadable; run rebuild_profiles: %s", alias, error)
                trends, digest = NO_TRENDS, b""
        with self._lock:
            self._entries[alias] = now, trends, digest
        return trends


trend_cache = TrendCache(CAPACITY)
register("cached trends", reset=trend_cache.reset)


def decode_trends(rows: str | None) -> Trends:
    weights: dict[str, dict[str, float]] = {}
    recent: dict[str, dict[str, float]] = {}
    events: list[tuple[int, float, int, float]] = []
    matches: dict[Match, float] = {}
    for attribute, value, weight, trend, count, as_of in _DECODER.decode(rows) if rows else ():
        if attribute != "event":
            weights.setdefault(attribute, {})[value] = weight
            recent.setdefault(attribute, {})[value] = trend
        elif (event_id := parse_id(value)) is not None:
            events.append((event_id, trend, count, as_of))
        elif len(parts := value.split(SEPARATOR)) == _MATCH_PARTS:
            matches[match_of(*parts)] = trend
    events.sort()
    ids, *columns = list(zip(*events, strict=True)) or [()] * 4
    trends, counts, last_bet_times = (np.array(column, dtype=np.float64) for column in columns)
    return Trends(weights, recent, np.array(ids, dtype=np.int64), trends, matches, counts, last_bet_times)
