"""The endpoints of privacy: erase a user, export a user's data."""

from collections.abc import Mapping
from typing import ClassVar

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from recommendations.serving.response_size import MAX_RESPONSE_BYTES
from recommendations.storing import privacy
from tenants.http.request_state import caller
from tenants.models import Scope

from . import openapi as docs
from .views import CasinoAPIView, parse_user_id


class UserView(CasinoAPIView):
    """DELETE erases a user and all their data."""

    scope = Scope.CONFIGURE
    staff_permissions: ClassVar[Mapping[str, str]] = {"DELETE": "recommendations.delete_user"}

    @docs.casino_endpoint(
        docs.ERASED, codes=["user_not_found"], operation_id="erase_user", parameters=[docs.USER_ID], request=None
    )
    def delete(self, request: Request, user_id: str) -> Response:
        erased = privacy.forget_user(
            casino=self.casino, user_id=parse_user_id(user_id), by=caller(request), now=timezone.now()
        )
        return Response({"message": "User erased", "erased": erased})


class UserExportView(CasinoAPIView):
    """All stored data of a user."""

    http_method_names = ["get", "options"]  # HEAD would be recorded as an export
    scope = Scope.CONFIGURE
    staff_permissions: ClassVar[Mapping[str, str]] = {"GET": "recommendations.view_user"}

    @docs.casino_endpoint(
        docs.EXPORT, codes=["user_not_found", "export_too_large"], operation_id="export_user", parameters=[docs.USER_ID]
    )
    def get(self, request: Request, user_id: str) -> Response:
        found = privacy.export_user(
            casino=self.casino, user_id=parse_user_id(user_id), by=caller(request), at_most=MAX_RESPONSE_BYTES
        )
        return Response(found)
