"""The outermost middleware: measures and logs each request, sends its id, and answers probes."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from tenants.http.request_state import ID_HEADER, request_state, route_of

from .log_format import current_request
from .metrics import count_request
from .probes import PROBES

logger = logging.getLogger("access")


class OperationsMiddleware:
    """Probes are answered for any Host and without TLS, and are neither logged nor counted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if (probe := PROBES.get(request.path)) is not None:
            return probe(request)
        began = time.perf_counter()
        token = current_request.set(request)
        try:
            response = self.get_response(request)
            response[ID_HEADER] = request_state(request).id
            _record(request, response.status_code, time.perf_counter() - began)
            return response
        finally:
            current_request.reset(token)


def _record(request: HttpRequest, status: int, seconds: float) -> None:
    method, route, casino_id = str(request.method), route_of(request), request_state(request).casino_id
    count_request(method, route, status, casino_id, seconds)
    if settings.ACCESS_LOG:
        fields = {"casino": casino_id, "method": method, "route": route, "status": status, "seconds": round(seconds, 6)}
        logger.info("%s %s %d in %.1f ms", method, route, status, seconds * 1_000, extra=fields)
