"""The outermost layer of every request: the early rate limit, metrics and access log, probes,
Content-Security-Policy."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from tenants.access.api_keys import find_cached_key
from tenants.access.limits import rate_limiter
from tenants.http.error_responses import RejectionResponse, error_response
from tenants.http.request_state import ID_HEADER, RequestState, request_state, route_of, state_in

from .log_format import current_request
from .metrics import count_request
from .probes import PROBES
from .worker_threads import Application, Environ

logger = logging.getLogger("access")

REFUSED_ROUTE = "(refused)"
CSP_HEADER = "Content-Security-Policy"

_SHARED = (
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# No inline code, no eval, no other hosts.
STRICT_POLICY = f"default-src 'none'; script-src 'self'; style-src 'self'; {_SHARED}"
# The admin's theme evaluates its attributes (Alpine), and sets its colours in a style element.
ADMIN_POLICY = f"default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; {_SHARED}"
# REST framework's pages and Swagger UI have inline styles; their scripts are files.
API_POLICY = f"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; {_SHARED}"

StartResponse = Callable[..., Any]


class EarlyRefusal:
    """A WSGI application around Django's. It rejects requests of casinos that are known to exceed their rate limit, and
    requests with a chunked body, which Django would read as empty (`AsgiAdapter` reads it earlier).

    Clients that ignore `Retry-After` send thousands of requests a second. A rejection takes 17 µs here, but 280 µs in
    Django's handler and middleware, which would delay other casinos' requests. It queries no database: requests of a
    casino that is not known to exceed its limit pass, ten times a second. Rejections are counted but not logged;
    `tenants.access.limits` logs them once a minute.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if "HTTP_TRANSFER_ENCODING" in environ:
            return _send(start_response, _length_required())
        if (response := early_rejection(environ)) is not None:
            return _send(start_response, response)
        return self._application(environ, start_response)


def early_rejection(environ: Environ) -> RejectionResponse | None:
    """The response to a request of a casino that is known to exceed its rate limit; None for others. Does not block."""
    if time.monotonic() < rate_limiter.rejecting_until and environ["PATH_INFO"] not in PROBES:
        return _rejection(state_in(environ), environ["REQUEST_METHOD"])
    return None


def _send(start_response: StartResponse, response: HttpResponse) -> list[bytes]:
    response["Content-Length"] = str(len(response.content))
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.content]


def _length_required() -> HttpResponse:
    text = "Chunked bodies are not supported: send the body with a Content-Length"
    return error_response(text, "length_required", status=411)


def _rejection(state: RequestState, method: str) -> RejectionResponse | None:
    began = time.perf_counter()
    if state.key_digest is None or (key := find_cached_key(state.key_digest)) is None:
        return None
    rejection = rate_limiter.rejection(key.casino.id)
    if rejection is None:
        return None
    response = RejectionResponse(rejection)
    response[ID_HEADER] = state.id
    count_request(method, REFUSED_ROUTE, response.status_code, key.casino.id, time.perf_counter() - began)
    return response


class OperationsMiddleware:
    """The outermost middleware: measures and logs each request, and sends its id. Probes are answered for any Host and
    without TLS, and are neither logged nor counted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if (probe := PROBES.get(request.path)) is not None:
            return probe(request)
        began = time.perf_counter()
        token = current_request.set(request)
        try:
            response = self.get_response(request)
            state, method, route = request_state(request), str(request.method), route_of(request)
            status, seconds = response.status_code, time.perf_counter() - began
            response[ID_HEADER] = state.id
            count_request(method, route, status, state.casino_id, seconds)
            if settings.ACCESS_LOG:
                parts = {"casino": state.casino_id, "method": method, "route": route, "status": status}
                fields = {**parts, "seconds": round(seconds, 6)}
                logger.info("%s %s %d in %.1f ms", method, route, status, seconds * 1_000, extra=fields)
            return response
        finally:
            current_request.reset(token)


class ContentPolicyMiddleware(MiddlewareMixin):
    """Sends the policy of the requested part of the site, unless the view has set one."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        match, renderer = request.resolver_match, getattr(response, "accepted_renderer", None)
        url_name = match.url_name if match is not None else None
        if match is not None and match.route.startswith("admin/") and url_name != "login":
            policy = ADMIN_POLICY
        elif url_name == "swagger" or (renderer is not None and renderer.format == "api"):
            policy = API_POLICY
        else:
            policy = STRICT_POLICY
        response.headers.setdefault(CSP_HEADER, policy)
        return response
