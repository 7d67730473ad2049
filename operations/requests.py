"""The request that this thread or task is at: its id, and what may be said of it without saying whom it is about."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.http import HttpRequest

ID_HEADER = "X-Request-ID"
UNKNOWN_ROUTE = "(unknown)"
_FIT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class CurrentRequest:
    """A request under way. Its path may name a user: logs and metrics say its route instead."""

    id: str
    request: HttpRequest

    @property
    def route(self) -> str:
        """The pattern that the path matched, such as `recommend/<str:user_id>`."""
        match = self.request.resolver_match
        return UNKNOWN_ROUTE if match is None else f"/{match.route}"

    @property
    def casino_id(self) -> int | None:
        casino = getattr(self.request, "casino", None)
        return None if casino is None else casino.pk


_current: ContextVar[CurrentRequest | None] = ContextVar("current_request", default=None)


def find_current_request() -> CurrentRequest | None:
    return _current.get()


@contextmanager
def current_request(request: HttpRequest) -> Iterator[CurrentRequest]:
    """Make `request` the current one. It keeps the id that a proxy gave it, if that is fit for a log."""
    given = request.META.get("HTTP_X_REQUEST_ID", "")  # `headers` would keep a copy of all, of keys too
    found = CurrentRequest(given if _FIT_ID.fullmatch(given) else uuid.uuid4().hex, request)
    request.request_id = found.id  # type: ignore[attr-defined]
    token = _current.set(found)
    try:
        yield found
    finally:
        _current.reset(token)
