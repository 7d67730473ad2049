"""How many requests a casino may make in a second, over all processes together.

Each casino has a bucket of tokens in the catalogue, which fills at the casino's rate and holds two seconds' worth. A
process takes a tenth of a second's worth from it by one statement, and then needs no query for so many requests; an
empty one it asks again a tenth of a second later. So there are some ten queries a second, whatever the rate and the
load, and over any time all processes let in no more than what filled the bucket, the bucket itself, and a tenth of a
second's worth each.
"""

import logging
import math
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

from django.db import DatabaseError, connections

from tenants.errors import RateLimited

logger = logging.getLogger(__name__)

BURST_SECONDS, CHUNK_SECONDS = 2.0, 0.1
_SAY_AGAIN_SECONDS = 60.0

_TAKE = """
INSERT INTO rate_buckets AS bucket (casino_id, tokens, granted, filled_at)
VALUES (%(casino)s, %(full)s - LEAST(%(wanted)s, %(full)s), LEAST(%(wanted)s, %(full)s), clock_timestamp())
ON CONFLICT (casino_id) DO UPDATE SET (tokens, granted, filled_at) = (
    SELECT filled.tokens - taken.tokens, taken.tokens, clock_timestamp()
    FROM (SELECT LEAST(%(full)s, bucket.tokens + %(rate)s * GREATEST(
        extract(epoch FROM clock_timestamp() - bucket.filled_at)::double precision, 0
    )) AS tokens) AS filled, LATERAL (SELECT LEAST(%(wanted)s, floor(filled.tokens)) AS tokens) AS taken
)
RETURNING granted, tokens
"""


@dataclass(slots=True)
class _Held:
    """What this process has of one casino's tokens; fewer than none after a request that was worth more."""

    tokens: float = 0.0
    ask_again_at: float = 0.0  # monotonic seconds
    retry_after: float = 0.0
    say_again_at: float = 0.0
    guard: threading.Lock = field(default_factory=threading.Lock)


class RateLimiter:
    """One process's share of all buckets. Safe under threads; casinos don't wait for each other."""

    def __init__(self) -> None:
        self._held: defaultdict[int, _Held] = defaultdict(_Held)
        self._refusing_until = 0.0  # monotonic seconds

    def take(self, casino_id: int, rate: int) -> None:
        """Use up one token. Raises RateLimited where there is none."""
        held = self._held[casino_id]
        with held.guard:
            if held.tokens < 1:
                self._refill(casino_id, rate, held)
            held.tokens -= 1

    def charge(self, casino_id: int, tokens: int) -> None:
        """Use up more for a request that was let in already: what is lacking then, later requests wait for."""
        held = self._held[casino_id]
        with held.guard:
            held.tokens -= tokens

    def is_refusing(self) -> bool:
        """Whether any casino is being refused at present."""
        return time.monotonic() < self._refusing_until

    def refusal(self, casino_id: int) -> RateLimited | None:
        """What `take` would raise, where that is known without asking the catalogue."""
        held = self._held.get(casino_id)
        if held is None or held.tokens >= 1 or time.monotonic() >= held.ask_again_at:
            return None
        return RateLimited(held.retry_after)

    def forget(self) -> None:
        self._held.clear()
        self._refusing_until = 0.0

    def _refill(self, casino_id: int, rate: int, held: _Held) -> None:
        now = time.monotonic()
        if now < held.ask_again_at:
            raise RateLimited(held.retry_after)
        wanted = max(math.ceil(rate * CHUNK_SECONDS), 1) - min(held.tokens, 0)
        granted, left = _take(casino_id, rate, math.ceil(wanted))
        held.tokens += granted
        if held.tokens < 1:
            held.retry_after = (1 - left - held.tokens) / rate
            held.ask_again_at = self._refusing_until = now + CHUNK_SECONDS
            if now >= held.say_again_at:
                held.say_again_at = now + _SAY_AGAIN_SECONDS
                logger.warning("Casino %d asks more often than %d times a second", casino_id, rate)
            raise RateLimited(held.retry_after)


def _take(casino_id: int, rate: int, wanted: int) -> tuple[float, float]:
    """How many tokens the bucket gave, and what is left in it. Whatever is wrong with the catalogue, casinos are not
    refused for that here."""
    full = max(rate * BURST_SECONDS, 1.0)
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute(_TAKE, {"casino": casino_id, "full": full, "rate": float(rate), "wanted": float(wanted)})
            granted, left = cursor.fetchone()
            return granted, left
    except DatabaseError as error:
        logger.warning("Requests of casino %s could not be counted: %s", casino_id, error)
        return wanted, 0.0


rate_limiter = RateLimiter()
