"""In front of Django: turns away whoever is known to have asked too often, before a request is made of it.

Clients that take no notice of `Retry-After` ask thousands of times a second. To refuse one of them here takes a tenth
of what Django's handler and the gate take, which is what the other casinos' requests would wait for.
"""

import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from tenants.access.api_keys import casino_of_known_key
from tenants.access.rate_limit import rate_limiter
from tenants.errors import RateLimited
from tenants.http.gate import refuse, retry_seconds

from .metrics import count_request
from .probes import PROBES
from .request_context import ID_HEADER, id_of

REFUSED_ROUTE = "(refused)"

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class Doorkeeper:
    """A WSGI application around another. Asks no database; who is not known yet to be refused is let in to the gate,
    ten times a second. Whom it refuses is counted, not logged: `tenants.access.rate_limit` says it once a minute."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        if not rate_limiter.is_refusing() or environ.get("PATH_INFO") in PROBES:
            return self._application(environ, start_response)
        casino_id = casino_of_known_key(environ.get("HTTP_AUTHORIZATION", ""))
        refusal = None if casino_id is None else rate_limiter.refusal(casino_id)
        if refusal is None:
            return self._application(environ, start_response)
        status, headers, body = _answer(retry_seconds(refusal) or 1)
        start_response(status, [*headers, (ID_HEADER, id_of(environ))])
        count_request(environ["REQUEST_METHOD"], REFUSED_ROUTE, refusal.status, casino_id, time.perf_counter() - began)
        return [body]


@lru_cache(64)
def _answer(retry_after: int) -> tuple[str, tuple[tuple[str, str], ...], bytes]:
    """What the gate answers: status, headers, body."""
    response = refuse(RateLimited(retry_after))
    response["Content-Length"] = str(len(response.content))
    return f"{response.status_code} {response.reason_phrase}", tuple(response.items()), response.content
