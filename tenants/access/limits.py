"""The limits of a casino's requests: per second, at once, and bytes of each.

Each is a column of the casino's row or, where that is null, a setting; 0 means no limit.
"""

import threading
from collections import Counter

from django.conf import settings
from django.http import HttpRequest

from tenants.errors import RequestTooLarge, TooManyAtOnce
from tenants.models import Casino
from tenants.process_state import register

from .rate_limit import rate_limiter

BUSY_RETRY_SECONDS = 1.0


class Slots:
    """How many requests of each casino this process is answering. Safe under threads."""

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()
        self._guard = threading.Lock()

    def take(self, casino_id: int) -> None:
        """Raises TooManyAtOnce."""
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
        with self._guard:
            self._taken.clear()


slots = Slots()
register("slots of requests", reset=slots.reset)


def admit(request: HttpRequest, casino: Casino) -> int:
    """Count a request for the casino and take a slot; returns the casino's id, for the slot's release. Raises
    RequestTooLarge, RateLimited, TooManyAtOnce."""
    text = request.META.get("CONTENT_LENGTH") or ""  # servers hand over no more bytes than it says, and none without
    length = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    if 0 < (limit := request_bytes(casino)) < length:
        raise RequestTooLarge(f"The request is too large: at most {limit} bytes are taken")
    if rate := request_rate(casino):
        rate_limiter.take(casino.pk, rate)
    slots.take(casino.pk)
    return int(casino.pk)


def charge(casino: Casino, requests: int) -> None:
    """Count an admitted request as `requests` more."""
    if requests > 0 and request_rate(casino):
        rate_limiter.charge(casino.pk, requests)


def request_rate(casino: Casino) -> int:
    """Requests per second; 0: no limit."""
    rate: int = settings.API_REQUESTS_PER_SECOND if casino.request_rate is None else casino.request_rate
    return rate


def request_bytes(casino: Casino) -> int:
    """Bytes of one request; 0: no limit."""
    size: int = settings.API_REQUEST_BYTES if casino.request_bytes is None else casino.request_bytes
    return size
