"""The one shape of errors: a text for people, a code that stays, and details where there are any."""

from collections.abc import Mapping
from typing import Any

from django.http import JsonResponse


def error_body(text: str, code: str, details: Any = None) -> dict[str, Any]:
    return {"error": sendable(text), "code": code, "details": details}


def error_response(
    text: str, code: str, *, status: int, details: Any = None, headers: Mapping[str, str] | None = None
) -> JsonResponse:
    return JsonResponse(error_body(text, code, details), status=status, headers=dict(headers or {}))


def sendable(text: str) -> str:
    """JSON may name half of a surrogate pair, which UTF-8 can't: what quotes the asker gets it written out."""
    return text.encode("utf-8", "backslashreplace").decode()
