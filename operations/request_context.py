"""The request that this thread or task is at: its id, and what may be said of it without saying whom it is about."""

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

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
        """Of a request that was refused before its casino was looked for, the casino of its key."""
        casino = getattr(self.request, "casino", None)
        if casino is not None:
            return int(casino.pk)
        key = getattr(self.request, "known_key", None)
        return None if key is None else int(key.casino_id)


_current: ContextVar[CurrentRequest | None] = ContextVar("current_request", default=None)


def find_current_request() -> CurrentRequest | None:
    return _current.get()


def id_of(environ: Mapping[str, Any]) -> str:
    """The id that a proxy gave the request, if it is fit for a log; else a new one."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return given if _FIT_ID.fullmatch(given) else uuid.uuid4().hex


@contextmanager
def current_request(request: HttpRequest) -> Iterator[CurrentRequest]:
    """Make `request` the current one."""
    found = CurrentRequest(id_of(request.META), request)  # `headers` would keep a copy of all, of keys too
    request.request_id = found.id  # type: ignore[attr-defined]
    token = _current.set(found)
    try:
        yield found
    finally:
        _current.reset(token)
