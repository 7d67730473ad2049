"""The outermost middleware: every request gets an id, is measured and logged; probes are answered before all else."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from .metrics import count_request
from .probes import PROBES
from .request_context import ID_HEADER, CurrentRequest, current_request

logger = logging.getLogger("access")


class OperationsMiddleware:
    """Answers probes, whatever host they name and without TLS; they are neither logged nor counted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path)
        if probe is not None:
            return probe(request)
        began = time.perf_counter()
        with current_request(request) as current:
            response = self.get_response(request)
            response[ID_HEADER] = current.id
            _note(current, response.status_code, time.perf_counter() - began)
        return response


def _note(current: CurrentRequest, status: int, seconds: float) -> None:
    method, route, casino_id = str(current.request.method), current.route, current.casino_id
    count_request(method, route, status, casino_id, seconds)
    if settings.ACCESS_LOG:
        logger.info(
            "%s %s %d in %.1f ms",
            method,
            route,
            status,
            seconds * 1_000,
            extra={
                "casino": casino_id,
                "method": method,
                "route": route,
                "status": status,
                "seconds": round(seconds, 6),
            },
        )
