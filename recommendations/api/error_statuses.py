"""Maps exceptions to error responses, each with its status and stable code. docs/api.md lists them."""

import logging
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from recommendations import errors as recommendation_errors
from tenants import errors as tenancy_errors
from tenants.http.error_responses import (
    OUTAGE_CODE,
    OUTAGE_TEXT,
    RETRY_HEADERS,
    error_body,
    error_page_or_json,
    retry_after_parts,
    sendable,
)
from tenants.http.request_state import request_state

logger = logging.getLogger(__name__)

_MAX_PARTS = 100


@dataclass(frozen=True, slots=True)
class Kind:
    """The response to one class of exceptions."""

    status: int
    code: str


STATUS_AND_CODE: dict[type[Exception], Kind] = {
    tenancy_errors.CasinoIdMissing: Kind(status.HTTP_400_BAD_REQUEST, "casino_id_missing"),
    tenancy_errors.CasinoIdInvalid: Kind(status.HTTP_400_BAD_REQUEST, "casino_id_invalid"),
    tenancy_errors.CasinoNotFound: Kind(status.HTTP_404_NOT_FOUND, "casino_not_found"),
    tenancy_errors.CasinoForbidden: Kind(status.HTTP_403_FORBIDDEN, "casino_forbidden"),
    tenancy_errors.CasinoSuspended: Kind(status.HTTP_423_LOCKED, "casino_suspended"),
    tenancy_errors.CasinoUnavailable: Kind(status.HTTP_503_SERVICE_UNAVAILABLE, "casino_unavailable"),
    tenancy_errors.CasinoBehind: Kind(status.HTTP_503_SERVICE_UNAVAILABLE, "casino_behind"),
    recommendation_errors.CasinoNotConfigured: Kind(status.HTTP_400_BAD_REQUEST, "casino_not_configured"),
    recommendation_errors.InvalidConfiguration: Kind(status.HTTP_400_BAD_REQUEST, "invalid_configuration"),
    recommendation_errors.InvalidExperiment: Kind(status.HTTP_400_BAD_REQUEST, "invalid_experiment"),
    recommendation_errors.ExperimentNotFound: Kind(status.HTTP_404_NOT_FOUND, "experiment_not_found"),
    recommendation_errors.ExperimentConflict: Kind(status.HTTP_409_CONFLICT, "experiment_conflict"),
    recommendation_errors.InvalidParameter: Kind(status.HTTP_400_BAD_REQUEST, "invalid_parameter"),
    recommendation_errors.UserNotFound: Kind(status.HTTP_404_NOT_FOUND, "user_not_found"),
    recommendation_errors.ListsWithoutUserOff: Kind(status.HTTP_403_FORBIDDEN, "lists_without_user_off"),
    recommendation_errors.EventNotFound: Kind(status.HTTP_404_NOT_FOUND, "event_not_found"),
    recommendation_errors.IdNotOfType: Kind(status.HTTP_409_CONFLICT, "id_not_of_type"),
    recommendation_errors.ExportTooLarge: Kind(status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, "export_too_large"),
    recommendation_errors.NoOpenEvents: Kind(status.HTTP_409_CONFLICT, "no_open_events"),
    RequestDataTooBig: Kind(status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, "request_too_large"),
}
_DJANGOS: dict[type[Exception], str] = {Http404: "not_found", PermissionDenied: "permission_denied"}


def answer_error(exception: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """REST framework's exception handler. Returns None for an error of the server, which is then raised and logged."""
    if (own := own_error(exception, context["request"].path)) is not None:
        body, status_code, headers = own
        return Response(body, status=status_code, headers=headers)
    response = exception_handler(exception, context)
    if response is not None:
        response.data = _body(exception, response)
        if response.status_code == status.HTTP_401_UNAUTHORIZED and _is_page(context["request"]):
            return _login_page(context["request"]._request, response)
    return response


def own_error(exception: Exception, path: str) -> tuple[dict[str, Any], int, dict[str, str]] | None:
    """Body, status and headers for an exception of this project, or an outage of a database; None for others."""
    if type(exception) in STATUS_AND_CODE:
        return _answer(str(exception), STATUS_AND_CODE[type(exception)])
    if isinstance(exception, tenancy_errors.RequestRejected):
        details, headers = retry_after_parts(exception)
        return error_body(str(exception), exception.code, details), exception.status, headers
    if isinstance(exception, OperationalError):  # the database is unavailable, or all its connections are in use
        logger.warning("%s failed with 503, database unavailable or overloaded: %s", path, exception)
        return _answer(OUTAGE_TEXT, Kind(status.HTTP_503_SERVICE_UNAVAILABLE, OUTAGE_CODE))
    return None


def _is_page(request: Request) -> bool:
    renderer = getattr(request, "accepted_renderer", None)  # None if content negotiation failed
    return renderer is not None and renderer.format == BrowsableAPIRenderer.format


def _login_page(request: HttpRequest, response: Response) -> HttpResponse:
    """A page without the endpoint's description and forms: rendering those, as the browsable API does, would cost too
    much for unauthenticated requests."""
    body = response.data
    return error_page_or_json(
        request, body["error"], body["code"], status=response.status_code, headers=dict(response.items())
    )


def _answer(text: str, kind: Kind) -> tuple[dict[str, Any], int, dict[str, str]]:
    headers = RETRY_HEADERS if kind.status == status.HTTP_503_SERVICE_UNAVAILABLE else {}
    return error_body(text, kind.code), kind.status, headers


def _body(exception: Exception, response: Response) -> dict[str, Any]:
    """The body for an exception that REST framework handles."""
    if not isinstance(exception, APIException):
        return error_body(response.status_text, _DJANGOS[type(exception)])
    detail: Any = exception.detail
    if isinstance(exception, ValidationError):
        return error_body(_first_text(detail), "invalid", _sendable_parts(detail))
    code = detail.code if isinstance(detail, ErrorDetail) else exception.default_code
    return error_body(_first_text(detail), str(code), getattr(exception, "details", None))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        kind = STATUS_AND_CODE[RequestDataTooBig]
        text = f"The request is too large: send at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes"
        return error_page_or_json(request, text, kind.code, status=kind.status)
    text = "Bad request: invalid Host header or malformed headers"
    if isinstance(exception, TooManyFieldsSent):
        text = f"Bad request: more than {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS} parameters or fields of a form"
    return error_page_or_json(request, text, "bad_request", status=status.HTTP_400_BAD_REQUEST)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    text = "Your login has no permission for this; a superuser can change permissions and staff bindings"
    return error_page_or_json(request, text, "permission_denied", status=status.HTTP_403_FORBIDDEN)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    text = "The form has expired, or cookies are off: go back, reload the page, and send it again"
    return error_page_or_json(request, text, "permission_denied", status=status.HTTP_403_FORBIDDEN)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page_or_json(request, f"Not found: {request.path}", "not_found", status=status.HTTP_404_NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """A 500 without details of the error: the log has them under the request's id."""
    details = {"request_id": request_state(request).id}
    text = "Internal error; look it up in the log by the request_id"
    return error_page_or_json(
        request, text, "internal_error", status=status.HTTP_500_INTERNAL_SERVER_ERROR, details=details
    )


def _first_text(detail: Any) -> str:
    """The first of REST framework's nested details, as `field: error`."""
    if isinstance(detail, dict):
        field, inner = next(iter(detail.items()))
        return _first_text(inner) if field == "non_field_errors" else f"{field}: {_first_text(inner)}"
    if isinstance(detail, list):
        return _first_text(detail[0])
    return str(detail)


def _sendable_parts(detail: Any) -> Any:
    """The errors of a body by field, limited to `_MAX_PARTS` fields and `_MAX_PARTS` errors of each."""
    if isinstance(detail, dict):
        return {sendable(str(name)): _sendable_parts(inner) for name, inner in islice(detail.items(), _MAX_PARTS)}
    if isinstance(detail, list):
        return [_sendable_parts(inner) for inner in detail[:_MAX_PARTS]]
    return sendable(str(detail))
