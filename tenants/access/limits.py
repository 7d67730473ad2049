"""The limits of a casino's requests: requests per second, concurrent requests, bytes per request.

Each is a column of the casino's row or, where that is null, a setting; 0 means no limit.
"""

import logging
import math
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from django.conf import settings
from django.db import DatabaseError, connections
from django.http import HttpRequest

from tenants.errors import RateLimited, RequestTooLarge, TooManyAtOnce
from tenants.models import Casino
from tenants.process_state import register

logger = logging.getLogger(__name__)

BURST_SECONDS = 2.0
CHUNK_SECONDS = 0.1
BUSY_RETRY_SECONDS = 1.0
BYTES_PER_REQUEST = 16_384  # bytes of a body that count as one more request, since reading takes time
_LOG_AGAIN_SECONDS = 60.0

_TAKE = """
INSERT INTO rate_buckets AS bucket (casino_id, tokens, granted, filled_at)
VALUES (%(casino)s, %(full)s - LEAST(%(needed)s, %(full)s), LEAST(%(needed)s, %(full)s), clock_timestamp())
ON CONFLICT (casino_id) DO UPDATE SET (tokens, granted, filled_at) = (
    SELECT filled.tokens - taken.tokens, taken.tokens, clock_timestamp()
    FROM (SELECT LEAST(%(full)s, bucket.tokens + %(rate)s * GREATEST(
        extract(epoch FROM clock_timestamp() - bucket.filled_at)::double precision, 0
    )) AS tokens) AS filled, LATERAL (SELECT LEAST(%(needed)s, floor(filled.tokens)) AS tokens) AS taken
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
    """Limits the requests per second, over all processes together. Thread-safe; one casino's requests don't wait for
    another's.

    Each casino has a bucket of tokens in the catalogue, which fills at the casino's rate and holds two seconds' worth.
    A process takes a tenth of a second's worth by one statement, and then admits as many requests without a query; it
    tries an empty bucket again a tenth of a second later. This takes some ten queries a second, at any rate and load.
    Over any time, all processes admit at most the tokens that filled the bucket, a full bucket, and a tenth of a
    second's worth each.
    """

    def __init__(self) -> None:
        self._tokens: defaultdict[int, _Tokens] = defaultdict(_Tokens)
        self.rejecting_until = 0.0  # monotonic seconds; before that, some casino is over its limit

    def take(self, casino_id: int, rate: int) -> None:
        """Use one token. Raises RateLimited if there is none."""
        tokens = self._tokens[casino_id]
        with tokens.guard:
            tokens.count = min(tokens.count, max(math.ceil(rate * CHUNK_SECONDS), 1))  # the limit may have been lowered
            if tokens.count < 1:
                self._refill(casino_id, rate, tokens)
            tokens.count -= 1

    def charge(self, casino_id: int, requests: int) -> None:
        """Use more tokens for a request that was admitted already; without enough tokens, later requests wait."""
        tokens = self._tokens[casino_id]
        with tokens.guard:
            tokens.count -= requests

    def rejection(self, casino_id: int) -> RateLimited | None:
        """The error that `take` would raise, if it is known without a query; else None."""
        tokens = self._tokens.get(casino_id)
        if tokens is None or tokens.count >= 1 or time.monotonic() >= tokens.try_again_at:
            return None
        return RateLimited(tokens.retry_after)

    def reset(self) -> None:
        self._tokens.clear()
        self.rejecting_until = 0.0

    def _refill(self, casino_id: int, rate: int, tokens: _Tokens) -> None:
        now = time.monotonic()
        if now < tokens.try_again_at:
            raise RateLimited(tokens.retry_after)
        needed = max(math.ceil(rate * CHUNK_SECONDS), 1) - min(tokens.count, 0)
        granted, left = _take_tokens(casino_id, rate, math.ceil(needed))
        tokens.count += granted
        if tokens.count < 1:
            tokens.retry_after = (1 - left - tokens.count) / rate
            tokens.try_again_at = self.rejecting_until = now + CHUNK_SECONDS
            if now >= tokens.log_again_at:
                tokens.log_again_at = now + _LOG_AGAIN_SECONDS
                logger.warning("Casino %d exceeded its rate limit (%d requests/s)", casino_id, rate)
            raise RateLimited(tokens.retry_after)


def _take_tokens(casino_id: int, rate: int, needed: int) -> tuple[float, float]:
    """Take tokens from the bucket. Returns the number taken and the number left; if the catalogue is unavailable,
    grants all."""
    full = max(rate * BURST_SECONDS, 1.0)
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute(_TAKE, {"casino": casino_id, "full": full, "rate": float(rate), "needed": float(needed)})
            granted, left = cursor.fetchone()
            return granted, left
    except DatabaseError as error:
        logger.warning("Requests of casino %s could not be counted, and were admitted: %s", casino_id, error)
        return needed, 0.0


class Slots:
    """The number of requests of each casino that this process is answering. Thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def take(self, casino_id: int) -> None:
        """Take a slot. Raises TooManyAtOnce if the casino has none left."""
        with self._guard:
            if 0 < settings.API_REQUESTS_AT_ONCE <= self._taken[casino_id]:
                raise TooManyAtOnce(BUSY_RETRY_SECONDS)
            self._taken[casino_id] += 1

    def release(self, casino_id: int) -> None:
        with self._guard:
            self._taken[casino_id] -= 1
            if not self._taken[casino_id]:
                del self._taken[casino_id]

    def reset(self) -> None:
        self._taken: Counter[int] = Counter()
        self._guard = threading.Lock()


rate_limiter, slots = RateLimiter(), Slots()
register("rate limit tokens", reset=rate_limiter.reset)
register("slots of requests", reset=slots.reset)


def admit(request: HttpRequest, casino: Casino) -> int:
    """Count a request for the casino, as several if its body is large, and take a slot; returns the casino's id, for
    the slot's release. Raises RequestTooLarge, RateLimited, TooManyAtOnce."""
    rate, size = limits_of(casino)
    text = request.META.get("CONTENT_LENGTH") or ""  # the server passes on no more bytes than this
    length = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    if 0 < size < length:
        raise RequestTooLarge(f"The request is too large: send at most {size} bytes")
    if rate:
        rate_limiter.take(casino.id, rate)
        if length > BYTES_PER_REQUEST:
            rate_limiter.charge(casino.id, length // BYTES_PER_REQUEST)
    slots.take(casino.id)
    return casino.id


def charge(casino: Casino, requests: int) -> None:
    """Count an admitted request as `requests` more."""
    if requests > 0 and limits_of(casino)[0]:
        rate_limiter.charge(casino.pk, requests)


def limits_of(casino: Casino) -> tuple[int, int]:
    """Requests per second, and bytes of one request; 0: no limit."""
    rate: int = settings.API_REQUESTS_PER_SECOND if casino.request_rate is None else casino.request_rate
    size: int = settings.API_REQUEST_BYTES if casino.request_bytes is None else casino.request_bytes
    return rate, size
