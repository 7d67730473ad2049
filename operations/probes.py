"""Endpoints for orchestrators and Prometheus: liveness, readiness, metrics."""

import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from .health import readiness_check
from .metrics import exposition

LIVE_PATH = "/health/live"


def live(request: HttpRequest | None = None) -> HttpResponse:
    """200 while the process answers; nothing is checked."""
    return JsonResponse({"status": "live"})


def ready(request: HttpRequest) -> HttpResponse:
    """200 if requests can be answered, else 503; with the state of each part, but no details."""
    readiness = readiness_check.get()
    return JsonResponse({"status": readiness.status, **readiness.parts}, status=200 if readiness.is_ready else 503)


def metrics(request: HttpRequest) -> HttpResponse:
    """Metrics for callers with METRICS_TOKEN. Without this setting: for all callers of an open API, else for none."""
    if not _may_see_metrics(request):
        return HttpResponse(
            "Authentication required: send METRICS_TOKEN as `Authorization: Bearer ..`\n",
            status=401,
            headers={"WWW-Authenticate": "Bearer"},
            content_type="text/plain",
        )
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def _may_see_metrics(request: HttpRequest) -> bool:
    token: str = settings.METRICS_TOKEN
    if not token:
        return bool(settings.RECSYS_OPEN_API)
    given = request.headers.get("Authorization", "")
    return secrets.compare_digest(given.encode(), f"Bearer {token}".encode())


PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    LIVE_PATH: live,
    "/health/ready": ready,
    "/metrics": metrics,
}
