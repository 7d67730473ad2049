"""Access to the API: who asks, and for which casino."""

from typing import TYPE_CHECKING, Any

from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from .access import may_choose_casino

if TYPE_CHECKING:  # REST framework's views read this module's name from the settings
    from rest_framework.views import APIView


class StaffBasicAuthentication(BasicAuthentication):
    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> Any:
        if "\0" in userid:  # PostgreSQL refuses to look for it
            raise AuthenticationFailed("Invalid username/password.")
        return super().authenticate_credentials(userid, password, request)


class MayAskForCasino(BasePermission):
    message = "Log in as staff to use this API; RECSYS_OPEN_API=1 opens it to all who can reach it."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not may_choose_casino(request):
            raise PermissionDenied(self.message)  # returning False would hide the message from who is not logged in
        return True
