"""What a casino may ask of this installation: requests a second, requests at once, and bytes a request.

Each is the casino's own (columns of its row) or the settings'; 0 is no limit.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.http import HttpRequest

from tenants.errors import RequestTooLarge, TooManyAtOnce
from tenants.models import Casino

from .rate_limit import rate_limiter

BUSY_RETRY_SECONDS = 1.0


class Slots:
    """How many requests of each casino one process works on at the moment. Safe under threads."""

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()
        self._guard = threading.Lock()

    @contextmanager
    def slot(self, casino_id: int) -> Iterator[None]:
        """One more of this casino. Raises TooManyAtOnce."""
        with self._guard:
            if 0 < settings.API_REQUESTS_AT_ONCE <= self._taken[casino_id]:
                raise TooManyAtOnce(BUSY_RETRY_SECONDS)
            self._taken[casino_id] += 1
        try:
            yield
        finally:
            with self._guard:
                self._taken[casino_id] -= 1
                if not self._taken[casino_id]:
                    del self._taken[casino_id]


slots = Slots()


@contextmanager
def admitted(request: HttpRequest, casino: Casino) -> Iterator[None]:
    """Work on a request of the casino inside the block. Raises RequestTooLarge, RateLimited, TooManyAtOnce."""
    if 0 < (limit := request_bytes(casino)) < _length(request):
        raise RequestTooLarge(f"The request is too large: at most {limit} bytes are taken")
    if rate := request_rate(casino):
        rate_limiter.take(casino.pk, rate)
    with slots.slot(casino.pk):
        yield


def charge(casino: Casino, requests: int) -> None:
    """Count a request as so many more."""
    if requests > 0 and request_rate(casino):
        rate_limiter.charge(casino.pk, requests)


def request_rate(casino: Casino) -> int:
    return _own(casino.request_rate, settings.API_REQUESTS_PER_SECOND)


def request_bytes(casino: Casino) -> int:
    return _own(casino.request_bytes, settings.API_REQUEST_BYTES)


def _own(own: int | None, common: int) -> int:
    return common if own is None else own


def _length(request: HttpRequest) -> int:
    """As the request's head says it; more than that, no server hands over, and without it nothing."""
    text = request.META.get("CONTENT_LENGTH") or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
