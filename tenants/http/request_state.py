"""The state of a request: its id, credentials and casino. It is made once from the headers; all other code reads it."""

import re
import secrets
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from tenants.access.api_keys import KnownKey, mask_key
from tenants.access.permissions import is_staff
from tenants.errors import CasinoNotFound
from tenants.models import Casino

ID_HEADER = "X-Request-ID"
UNKNOWN_ROUTE = "(unknown)"
_SLOT = "recsys.request_state"  # in the request's META, which is the WSGI environ
_FIT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class RequestState:
    """The request's state: `RequestStateMiddleware` fills it in; views, permissions, logs and metrics read it.

    `key` is the valid API key, `login` the staff login of HTTP Basic authentication (a session's is `request.user`).
    REST framework's authentication raises `credentials_error`, and `require_casino` raises `casino_error`.
    """

    id: str
    shows_key: bool  # valid or not
    key_digest: str | None = field(repr=False)
    key: KnownKey | None = field(default=None, repr=False)
    login: AbstractBaseUser | None = field(default=None, repr=False)
    casino: Casino | None = field(default=None, repr=False)
    admitted_id: int | None = None  # the casino whose limits count the request
    credentials_error: Exception | None = field(default=None, repr=False)
    casino_error: Exception | None = field(default=None, repr=False)

    @property
    def casino_id(self) -> int | None:
        """The id of the request's casino; for a request that was rejected earlier, that of its key's casino."""
        if self.casino is not None:
            return self.casino.id
        return None if self.key is None else self.key.casino.id

    def require_casino(self) -> Casino:
        """A copy of the request's casino, which is current. Its fields may be set; their values are shared. Raises
        `casino_error`: CasinoNotUsable, RequestRejected or OperationalError."""
        if self.casino_error is not None:
            raise self.casino_error
        if self.casino is None:
            raise CasinoNotFound("Casino not found")
        return copy(self.casino)  # requests with the same key share theirs


def request_state(request: HttpRequest) -> RequestState:
    state: RequestState = request.META.get(_SLOT) or state_in(request.META)
    return state


def state_in(meta: dict[str, Any]) -> RequestState:
    """The state of the request with these headers. The first call creates it, and masks the API key in the headers."""
    state: RequestState | None = meta.get(_SLOT)
    if state is None:
        given = meta.get("HTTP_X_REQUEST_ID", "")  # `request.headers` would keep a copy of all headers, keys included
        request_id = given if _FIT_ID.fullmatch(given) else secrets.token_hex(16)
        state = meta[_SLOT] = RequestState(request_id, *mask_key(meta))
    return state


def route_of(request: HttpRequest) -> str:
    """The URL pattern of the path, such as `/recommend/<path:user_id>`. Logs and metrics use it instead of the path,
    which may name a user."""
    match = request.resolver_match
    return UNKNOWN_ROUTE if match is None else f"/{match.route}"


def may_choose_casino(request: HttpRequest) -> bool:
    """Whether the caller may name a casino: staff may, and every caller of an open installation. A request with an API
    key may not; its casino is the key's."""
    state = request_state(request)
    return not state.shows_key and (settings.RECSYS_OPEN_API or is_staff(state.login or request.user))


def caller(request: HttpRequest) -> str:
    """The caller, for the audit log: a key's prefix or a login's name."""
    key = request_state(request).key
    if key is not None:
        return f"API key {key.prefix}"
    return f"login {request.user.get_username()}" if request.user.is_authenticated else "anyone (open installation)"
