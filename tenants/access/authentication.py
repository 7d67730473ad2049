"""Access to the API: who asks, for which casino, and what for."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, BasicAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from .api_keys import KnownKey, key_of_request, shows_key
from .permissions import is_staff, may_choose_casino

if TYPE_CHECKING:  # REST framework's views read this module's name from the settings
    from rest_framework.views import APIView


class InvalidApiKey(AuthenticationFailed):
    """One answer to whatever is wrong with a key: unknown, expired, revoked."""

    default_detail = "This API key is not valid"
    default_code = "invalid_api_key"


class ScopeMissing(PermissionDenied):
    default_code = "scope_missing"


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key <key>`. There is no login behind a key; it stands in `request.auth`."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, KnownKey] | None:
        if not shows_key(request._request):
            return None
        key = key_of_request(request._request)
        if key is None:
            raise InvalidApiKey
        request._request.api_key = key  # type: ignore[attr-defined]
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return "Api-Key"


class StaffBasicAuthentication(BasicAuthentication):
    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> Any:
        if "\0" in userid:  # PostgreSQL refuses to look for it
            raise AuthenticationFailed("Invalid username/password.")
        return super().authenticate_credentials(userid, password, request)


class MayAskForCasino(BasePermission):
    """An API key of the scope that the view names (`scope`; None: any), or whoever may choose a casino."""

    message = "Show an API key (Authorization: Api-Key ..), or log in as staff, to use this API."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if isinstance(request.auth, KnownKey):
            return self._is_in_scope(request.auth, getattr(view, "scope", None))
        if not may_choose_casino(request._request):
            raise self._refusal(request)
        needed = _permission_needed(request, view)
        if needed is not None and is_staff(request.user) and not request.user.has_perm(needed):
            raise PermissionDenied("This login is not permitted to do this")
        return True

    def _is_in_scope(self, key: KnownKey, scope: str | None) -> bool:
        if scope is not None and scope not in key.scopes:
            raise ScopeMissing(f"This API key does not have the scope {scope}")
        return True

    def _refusal(self, request: Request) -> APIException:
        """To who is not logged in, how to be let in; a login that is not staff would not help."""
        return PermissionDenied(self.message) if request.user.is_authenticated else NotAuthenticated(self.message)


def _permission_needed(request: Request, view: "APIView") -> str | None:
    """Of a login, for this method."""
    needed: dict[str, str] = getattr(view, "staff_permissions", {})
    return needed.get(str(request.method))
