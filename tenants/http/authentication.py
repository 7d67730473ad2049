"""REST framework's authentication and permission classes: they read the request state."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import DatabaseError
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenants.access.api_keys import KnownKey, misplaced_key
from tenants.access.permissions import is_staff
from tenants.errors import LoginsLimited

from .request_state import may_choose_casino, request_state

if TYPE_CHECKING:  # REST framework's views read this module's name from the settings
    from rest_framework.views import APIView


class InvalidApiKey(AuthenticationFailed):
    """The key is unknown, expired or revoked: all get the same answer."""

    default_detail = "This API key is not valid"
    default_code = "invalid_api_key"


class ScopeMissing(PermissionDenied):
    default_code = "scope_missing"


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key <key>`. A key has no login; it is `request.auth`."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, KnownKey] | None:
        state = request_state(request)
        if not state.shows_key:
            return None
        if state.key is None:
            raise state.credentials_error or InvalidApiKey
        return AnonymousUser(), state.key

    def authenticate_header(self, request: Request) -> str:
        return "Api-Key"


class StaffBasicAuthentication(BasicAuthentication):
    """`Authorization: Basic ..`. The middleware has checked the password."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, None] | None:
        state = request_state(request)
        if state.credentials_error is not None:
            raise state.credentials_error
        return None if state.login is None else (state.login, None)


class _BasicPasswords(BasicAuthentication):
    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> Any:
        if "\0" in userid:  # PostgreSQL rejects it in a query
            raise AuthenticationFailed("Invalid username/password.")
        return super().authenticate_credentials(userid, password, request)


def read_basic_login(request: HttpRequest) -> None:
    """Check the password of an `Authorization: Basic` header, unless the session has a login: the session takes
    precedence."""
    state = request_state(request)
    try:
        if request.META.get("HTTP_AUTHORIZATION") and not request.user.is_active:
            found = _BasicPasswords().authenticate(Request(request))
            state.login = None if found is None else found[0]
    except (AuthenticationFailed, LoginsLimited, DatabaseError) as error:
        state.credentials_error = error


class HasCasinoAccess(BasePermission):
    """Allows an API key with the view's `scope` (None: any key), and callers who may choose a casino."""

    message = "Authentication required: send 'Authorization: Api-Key ..' or log in as staff."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if isinstance(request.auth, KnownKey):
            scope: str | None = getattr(view, "scope", None)
            if scope is not None and scope not in request.auth.scopes:
                raise ScopeMissing(f"This API key does not have the scope {scope}")
            return True
        if not may_choose_casino(request._request):
            # a login that is not staff gets 403: logging in again would not help
            raise (PermissionDenied if request.user.is_authenticated else NotAuthenticated)(self._hint(request))
        needed: dict[str, str] = getattr(view, "staff_permissions", {})  # by method
        permission = needed.get(str(request.method))
        if permission is not None and is_staff(request.user) and not request.user.has_perm(permission):
            raise PermissionDenied("This login is not permitted to do this")
        return True

    def _hint(self, request: Request) -> str:
        sent = misplaced_key(request.META)
        if sent is None:
            return self.message
        return f"The API key was sent as '{sent}', which is not supported: send 'Authorization: Api-Key <key>'."
