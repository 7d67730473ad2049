"""How many requests a casino may make in a second, over all processes together.

Each casino has a bucket of tokens in the catalogue, which fills at the casino's rate and holds two seconds' worth. A
process takes a tenth of a second's worth by one statement, and then admits as many requests without a query; it tries
an empty bucket again a tenth of a second later. That is some ten queries a second, at any rate and load. Over any time,
all processes admit at most the tokens that filled the bucket, a full bucket, and a tenth of a second's worth each.
"""

import logging
import math
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

from django.db import DatabaseError, connections

from tenants.errors import RateLimited
from tenants.process_state import register

logger = logging.getLogger(__name__)

BURST_SECONDS, CHUNK_SECONDS = 2.0, 0.1
_LOG_AGAIN_SECONDS = 60.0

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
class _Tokens:
    """This process's tokens of one casino; negative after a request that counted as several."""

    count: float = 0.0
    try_again_at: float = 0.0  # monotonic seconds
    retry_after: float = 0.0
    log_again_at: float = 0.0
    guard: threading.Lock = field(default_factory=threading.Lock)


class RateLimiter:
    """One process's share of all buckets. Safe under threads; one casino's requests don't wait for another's."""

    def __init__(self) -> None:
        self._tokens: defaultdict[int, _Tokens] = defaultdict(_Tokens)
        self._rejecting_until = 0.0  # monotonic seconds

    def take(self, casino_id: int, rate: int) -> None:
        """Use one token. Raises RateLimited if there is none."""
        tokens = self._tokens[casino_id]
        with tokens.guard:
            if tokens.count < 1:
                self._refill(casino_id, rate, tokens)
            tokens.count -= 1

    def charge(self, casino_id: int, requests: int) -> None:
        """Use more tokens for a request that was admitted already; if there are too few, later requests wait."""
        tokens = self._tokens[casino_id]
        with tokens.guard:
            tokens.count -= requests

    def is_rejecting(self) -> bool:
        """Whether any casino is over its limit now."""
        return time.monotonic() < self._rejecting_until

    def rejection(self, casino_id: int) -> RateLimited | None:
        """The error that `take` would raise, if that is known without a query."""
        tokens = self._tokens.get(casino_id)
        if tokens is None or tokens.count >= 1 or time.monotonic() >= tokens.try_again_at:
            return None
        return RateLimited(tokens.retry_after)

    def reset(self) -> None:
        self._tokens.clear()
        self._rejecting_until = 0.0

    def _refill(self, casino_id: int, rate: int, tokens: _Tokens) -> None:
        now = time.monotonic()
        if now < tokens.try_again_at:
            raise RateLimited(tokens.retry_after)
        wanted = max(math.ceil(rate * CHUNK_SECONDS), 1) - min(tokens.count, 0)
        granted, left = _take(casino_id, rate, math.ceil(wanted))
        tokens.count += granted
        if tokens.count < 1:
            tokens.retry_after = (1 - left - tokens.count) / rate
            tokens.try_again_at = self._rejecting_until = now + CHUNK_SECONDS
            if now >= tokens.log_again_at:
                tokens.log_again_at = now + _LOG_AGAIN_SECONDS
                logger.warning("Casino %d exceeded its rate limit (%d requests/s)", casino_id, rate)
            raise RateLimited(tokens.retry_after)


def _take(casino_id: int, rate: int, wanted: int) -> tuple[float, float]:
    """The tokens taken from the bucket, and those left in it. If the catalogue is unavailable, all are granted."""
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
register("rate limit tokens", reset=rate_limiter.reset)
