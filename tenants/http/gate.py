"""The gate that every request comes through first: its API key is taken off it, and its casino's limits are kept."""

import math
from collections.abc import Callable
from contextlib import ExitStack

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from tenants.access.api_keys import key_of_request, take_key
from tenants.access.limits import admitted
from tenants.errors import RequestRejected

from .error_responses import error_response


class GateMiddleware:
    """Before everything else, so that nothing behind it meets with a key: no log, no report of an error, no page; and
    so that to refuse what is too much costs little."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        take_key(request)
        with ExitStack() as contexts:
            try:
                if (key := key_of_request(request)) is not None:
                    contexts.enter_context(admitted(request, key.casino))
                    request.is_admitted = True  # type: ignore[attr-defined]
            except RequestRejected as refusal:
                return refuse(refusal)
            except DatabaseError:
                pass  # whoever needs to know the key will ask again, and answers as is answered there
            return self.get_response(request)


def refuse(refusal: RequestRejected) -> HttpResponse:
    seconds = retry_seconds(refusal)
    details = None if seconds is None else {"retry_after": seconds}
    headers = None if seconds is None else {"Retry-After": str(seconds)}
    response = error_response(str(refusal), refusal.code, status=refusal.status, details=details, headers=headers)
    # Django would log each, which costs more than to refuse it; `tenants.access.rate_limit` says it once a minute
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def retry_seconds(refusal: RequestRejected) -> int | None:
    """Whole seconds, as the header has them."""
    return None if refusal.retry_after is None else max(math.ceil(refusal.retry_after), 1)


def admit(request: HttpRequest) -> None:
    """Keep the limits for a request without a key, once its casino is known. Raises RequestRejected."""
    if not getattr(request, "is_admitted", False):
        contexts: ExitStack = request.casino_contexts  # type: ignore[attr-defined]
        contexts.enter_context(admitted(request, request.casino))  # type: ignore[attr-defined]
        request.is_admitted = True  # type: ignore[attr-defined]
