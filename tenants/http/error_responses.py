"""The common form of error responses: a text for people, a stable code, and details."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from tenants.errors import RequestRejected

from .request_state import request_state

OUTAGE_CODE = "database_unavailable"
OUTAGE_TEXT = "The casino's database can't be used at present; try again soon"
OUTAGE_RETRY_SECONDS = 1
_MAX_TEXT = 2_000
RETRY_HEADERS = {"Retry-After": str(OUTAGE_RETRY_SECONDS)}  # the headers of each 503; see api/error_statuses.py


def error_body(text: str, code: str, details: Any = None) -> dict[str, Any]:
    return {"error": sendable(text), "code": code, "details": details}


def error_response(
    text: str, code: str, *, status: int, details: Any = None, headers: Mapping[str, str] | None = None
) -> JsonResponse:
    return JsonResponse(error_body(text, code, details), status=status, headers=dict(headers or {}))


def error_page_or_json(
    request: HttpRequest,
    text: str,
    code: str,
    *,
    status: int,
    details: Any = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Like `error_response`, but a browser gets a page. The page makes no query: the database may be the cause."""
    if not _is_from_browser(request):
        return error_response(text, code, status=status, details=details, headers=headers)
    context = {
        "status": status,
        "phrase": HTTPStatus(status).phrase,
        "text": text,
        "request_id": request_state(request).id,
    }
    return HttpResponse(render_to_string("error.html", context), status=status, headers=dict(headers or {}))


def _is_from_browser(request: HttpRequest) -> bool:
    """Whether the client is a browser. Programs that send a key get JSON even if their library accepts HTML: Java's
    default lists it first."""
    return "text/html" in request.headers.get("Accept", "") and not request_state(request).shows_key


class RejectionResponse(JsonResponse):
    """A response that Django does not log, which would cost more than the rejection; `tenants.access.limits` logs once
    a minute."""

    _has_been_logged = True

    def __init__(self, rejection: RequestRejected) -> None:
        details, headers = retry_after_parts(rejection)
        super().__init__(error_body(str(rejection), rejection.code, details), status=rejection.status, headers=headers)


def retry_after_parts(rejection: RequestRejected) -> tuple[dict[str, int] | None, dict[str, str]]:
    """The error's details and the headers. Both have the whole seconds until the next try, if they are known."""
    if rejection.retry_after is None:
        return None, {}
    seconds = max(math.ceil(rejection.retry_after), 1)
    return {"retry_after": seconds}, {"Retry-After": str(seconds)}


def sendable(text: str) -> str:
    """The text with its lone surrogates, which JSON may contain and UTF-8 can't encode, as escapes. A long text, which
    repeats a value of the request, is shortened in the middle."""
    if len(text) > _MAX_TEXT:
        text = f"{text[: _MAX_TEXT // 2]} [..] {text[-_MAX_TEXT // 2 :]}"
    return text.encode("utf-8", "backslashreplace").decode()
