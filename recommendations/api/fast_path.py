"""The fast path of programs' requests: endpoints that only read answer without REST framework and most middleware.

The normal path is the other middleware and REST framework's view.
"""

import json.encoder
import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.urls import ResolverMatch, URLPattern, get_resolver
from rest_framework.exceptions import APIException
from rest_framework.settings import api_settings
from rest_framework.utils.encoders import JSONEncoder

from tenants.access.limits import admit
from tenants.http.middleware import CASINO_HEADER, enter_chosen_casino
from tenants.http.request_state import request_state, route_of

from .error_statuses import own_error
from .views import CasinoAPIView

logger = logging.getLogger(__name__)

# The values of `Accept` for which REST framework also chooses JSON without media type parameters.
_PROGRAM_ACCEPTS = ("", "*/*", "application/json")
_LOGIN_HEADERS = ("HTTP_COOKIE", "HTTP_AUTHORIZATION")
_FRAMEWORK_ERRORS = (APIException, Http404, PermissionDenied)  # errors that REST framework answers

_LONGEST_HOST = 255 + len(":65535")

_Headers = dict[str, tuple[str, str]]  # by name in lower case, as Django keeps them

# The encoder that `JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))` creates for each answer.
_encode = vars(json.encoder)["c_make_encoder"](
    None, JSONEncoder().default, json.encoder.encode_basestring, None, ":", ",", False, False, False
)


class FastPathMiddleware:
    """Answers `GET` of the views that have an `answer`, for a caller with a valid API key with the view's scope, or any
    caller of an open installation. Other requests take the normal path, which gives the same answers
    (`tests/api/test_fast_path.py`), as do requests that fail unexpectedly. Only the normal path rejects callers,
    casinos, hosts and plain HTTP, so that the order of its checks is decided in one place.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._security, self._frames = SecurityMiddleware(get_response), XFrameOptionsMiddleware(get_response)
        self._headers: dict[tuple[type[CasinoAPIView], bool, bool], _Headers] = {}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        match = _find_view(request) if _is_from_program(request) else None
        if match is None or self._security.process_request(request) is not None:
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
        except Exception as error:  # the normal path answers unexpected errors
            if (own := own_error(error, request.path)) is None:
                if not isinstance(error, _FRAMEWORK_ERRORS):  # logged here, since the normal path may succeed
                    text = "%s failed on the fast path, and takes the normal path"
                    logger.warning(text, route_of(request), exc_info=True)
                return self.get_response(request)
            body, status, headers = own
        content = _as_json(body)  # an error must not lead to the normal path: served recommendations are sent by now
        response = HttpResponse(content, content_type="application/json", status=status, headers=headers)
        # set together: Django would validate each header again
        response.headers._store |= self._headers_of(request, view, by_key=state.key is not None)
        response.headers._store["content-length"] = "Content-Length", str(len(content))
        return response

    def _headers_of(self, request: HttpRequest, view: type[CasinoAPIView], *, by_key: bool) -> _Headers:
        """The headers of REST framework, of sessions (the answer to a caller without a key depends on a login), and of
        the skipped middleware; computed once for each key of `_headers`."""
        key = view, by_key, request.is_secure()
        if key not in self._headers:
            allowed, vary = ", ".join(view().allowed_methods), "Accept" if by_key else "Accept, Cookie"
            response = HttpResponse(headers={"Content-Type": "application/json", "Allow": allowed, "Vary": vary})
            for each in (self._frames, self._security):
                each.process_response(request, response)
            self._headers[key] = response.headers._store
        return self._headers[key]


def _is_from_program(request: HttpRequest) -> bool:
    if request.method != "GET":
        return False
    state, meta = request_state(request), request.META
    if state.shows_key:
        return state.key is not None and state.credentials_error is None
    is_anonymous = CASINO_HEADER in meta and not any(map(meta.get, _LOGIN_HEADERS))
    return is_anonymous and settings.RECSYS_OPEN_API and meta.get("HTTP_ACCEPT", "") in _PROGRAM_ACCEPTS


def _find_view(request: HttpRequest) -> ResolverMatch | None:
    """The path's view with its arguments; None unless the view has an `answer`, the host is allowed, and the request
    names no format."""
    if not request.path_info.startswith("/"):
        return None
    path = request.path_info[1:]
    match: ResolverMatch | None = None
    for each in get_resolver().url_patterns:
        # the API's paths are first in the URL configuration, and not included from another one
        if isinstance(each, URLPattern) and (match := each.resolve(path)) is not None:
            break
    if match is None or not hasattr(getattr(match.func, "cls", None), "answer"):
        return None
    try:
        host, allowed = request.META.get("HTTP_HOST", ""), tuple(settings.ALLOWED_HOSTS)
        # longer hosts would fill the cache's memory
        is_cacheable = len(host) <= _LONGEST_HOST and not settings.USE_X_FORWARDED_HOST
        if not (is_cacheable and _is_allowed_host(host, allowed)):
            request.get_host()
        is_format_named = request.META.get("QUERY_STRING") and api_settings.URL_FORMAT_OVERRIDE in request.GET
    except SuspiciousOperation:  # the host is not allowed, or there are too many parameters
        return None
    return None if is_format_named else match


@lru_cache(256)
def _is_allowed_host(host: str, allowed: tuple[str, ...]) -> bool:
    """Whether `HttpRequest.get_host`, which takes longer, would accept this header."""
    domain, _ = split_domain_port(host)
    return domain != "" and validate_host(domain, allowed)


def _as_json(body: dict[str, Any]) -> bytes:
    """The body as JSON, with the same bytes as REST framework's."""
    return "".join(_encode(body, 0)).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()
