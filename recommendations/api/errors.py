"""Errors as answers: `{"error": "<text>"}`, each with its status."""

import logging
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, JsonResponse
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

from recommendations import errors as recommendation_errors
from tenants import errors as tenancy_errors
from tenants.middleware import OUTAGE_TEXT, RETRY

logger = logging.getLogger(__name__)

STATUSES: dict[type[Exception], int] = {
    tenancy_errors.CasinoIdMissing: status.HTTP_400_BAD_REQUEST,
    tenancy_errors.CasinoIdInvalid: status.HTTP_400_BAD_REQUEST,
    tenancy_errors.CasinoNotFound: status.HTTP_404_NOT_FOUND,
    tenancy_errors.CasinoSuspended: status.HTTP_423_LOCKED,
    tenancy_errors.CasinoUnavailable: status.HTTP_503_SERVICE_UNAVAILABLE,
    tenancy_errors.CasinoBehind: status.HTTP_503_SERVICE_UNAVAILABLE,
    recommendation_errors.CasinoNotConfigured: status.HTTP_400_BAD_REQUEST,
    recommendation_errors.InvalidConfiguration: status.HTTP_400_BAD_REQUEST,
    recommendation_errors.InvalidWish: status.HTTP_400_BAD_REQUEST,
    recommendation_errors.UserNotFound: status.HTTP_404_NOT_FOUND,
    recommendation_errors.NoOpenEvents: status.HTTP_409_CONFLICT,
}


def answer_error(exception: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler. None means: not an error of the asker's, so it is raised on and logged."""
    if type(exception) in STATUSES:
        return _answer(str(exception), STATUSES[type(exception)])
    if isinstance(exception, OperationalError):  # a database that is away, or has no connection free
        logger.warning("%s could not be answered: %s", context["request"].path, exception)
        return _answer(OUTAGE_TEXT, status.HTTP_503_SERVICE_UNAVAILABLE)
    response = exception_handler(exception, context)
    if response is not None:
        text = _first_text(exception.detail) if isinstance(exception, APIException) else response.status_text
        response.data = {"error": _sendable(text)}
    return response


def _answer(text: str, code: int) -> Response:
    headers = RETRY if code == status.HTTP_503_SERVICE_UNAVAILABLE else None
    return Response({"error": _sendable(text)}, status=code, headers=headers)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    text = "The request was not understood; its Host, or something else in its head, is not accepted here"
    return JsonResponse({"error": text}, status=status.HTTP_400_BAD_REQUEST)


def page_not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return JsonResponse({"error": f"There is nothing at {request.path}"}, status=status.HTTP_404_NOT_FOUND)


def server_error(request: HttpRequest) -> JsonResponse:
    return JsonResponse(
        {"error": "Something went wrong here; it has been logged"}, status=status.HTTP_500_INTERNAL_SERVER_ERROR
    )


def _sendable(text: str) -> str:
    """JSON may name half of a surrogate pair, which UTF-8 can't: what quotes the asker gets it written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _first_text(detail: Any) -> str:
    """One sentence out of REST framework's nested details: `field: what is wrong`."""
    if isinstance(detail, dict):
        field, inner = next(iter(detail.items()))
        return _first_text(inner) if field == "non_field_errors" else f"{field}: {_first_text(inner)}"
    if isinstance(detail, list):
        return _first_text(detail[0])
    return str(detail)
