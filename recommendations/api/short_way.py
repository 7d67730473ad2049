"""The short way of programs' requests: endpoints that only read answer without REST framework, sessions and logins."""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, resolve
from rest_framework.exceptions import APIException
from rest_framework.settings import api_settings
from rest_framework.utils.encoders import JSONEncoder

from tenants.access.limits import admit
from tenants.http.middleware import CASINO_HEADER, enter_chosen_casino
from tenants.http.request_state import request_state

from .error_statuses import own_error
from .views import CasinoAPIView

_OF_PROGRAMS = ("", "*/*", "application/json")  # `Accept` for which REST framework also chooses JSON without options
_OF_LOGINS = ("HTTP_COOKIE", "HTTP_AUTHORIZATION")

_encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class ShortWayMiddleware:
    """Answers `GET` of the views that have an `answer`, if the caller has a valid API key with the view's scope, or is
    anybody in an open installation. Every other request, each refusal of a caller or a casino among them, goes on to
    the middleware of sessions and to REST framework's view, which give the same answers
    (`tests/api/test_short_way.py`): what is refused, and in which order, is decided there alone. Only a 500 differs: to
    a caller without a key, it has no `Vary: Cookie` here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        match = _find_view(request) if _is_of_program(request) else None
        if match is None:
            return self.get_response(request)
        request.resolver_match, request.user = match, AnonymousUser()
        enter_chosen_casino(request)
        state, view = request_state(request), cast(Any, match.func).cls
        if state.casino is None or (state.key is not None and view.scope not in state.key.scopes):
            return self.get_response(request)
        status, headers = 200, dict[str, str]()
        try:
            if state.admitted_id is None:
                state.admitted_id = admit(request, state.casino)
            body = view.answer(request, state.casino, **match.kwargs)
        except (APIException, Http404, PermissionDenied):  # REST framework answers these
            return self.get_response(request)
        except Exception as error:
            own = own_error(error, request.path)
            if own is None:
                raise
            body, status, headers = own
        headers = _headers(view, by_key=state.key is not None) | headers
        return HttpResponse(_as_json(body), status=status, headers=headers)


def _is_of_program(request: HttpRequest) -> bool:
    if request.method != "GET":
        return False
    state, meta = request_state(request), request.META
    if state.shows_key:
        return state.key is not None and state.credentials_error is None
    is_anonymous = CASINO_HEADER in meta and not any(map(meta.get, _OF_LOGINS))
    return is_anonymous and settings.RECSYS_OPEN_API and meta.get("HTTP_ACCEPT", "") in _OF_PROGRAMS


def _find_view(request: HttpRequest) -> ResolverMatch | None:
    """The path's view with its arguments, if it has an `answer` and the request names no format."""
    try:
        match = resolve(request.path_info)
        is_format_named = request.META.get("QUERY_STRING") and api_settings.URL_FORMAT_OVERRIDE in request.GET
    except (Resolver404, SuspiciousOperation):  # too many parameters
        return None
    return match if hasattr(getattr(match.func, "cls", None), "answer") and not is_format_named else None


def _as_json(body: dict[str, Any]) -> bytes:
    """The same bytes as REST framework's."""
    return _encode(body).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()


@cache
def _headers(view: type[CasinoAPIView], *, by_key: bool) -> dict[str, str]:
    """Those of REST framework and of sessions: the answer to a caller without a key would differ with a login."""
    allowed = ", ".join(view().allowed_methods)
    return {"Content-Type": "application/json", "Allow": allowed, "Vary": "Accept" if by_key else "Accept, Cookie"}
