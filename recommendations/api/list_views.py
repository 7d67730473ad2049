"""The endpoints of other lists: additions to a slip, similar events, popular events, and bets for sessions."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from recommendations import services
from recommendations.errors import EventNotFound, IdNotOfType, UserNotFound
from recommendations.serving import anonymous
from recommendations.serving.request_filters import FILTERS, parse_filters
from recommendations.validation.own_ids import parse_own_id
from tenants.models import Casino, Scope

from . import list_docs as docs
from .selections import SessionSerializer, SlipSerializer
from .views import (
    VARIANT,
    CasinoAPIView,
    RecommendView,
    parse_parameters,
    parse_user_id,
    parse_variant,
    read_body,
)


class NextView(RecommendView):
    """Recommends additions to this user's current slip."""

    http_method_names = ["get", "post", "options"]
    serializer_class = SlipSerializer
    staff_permissions: ClassVar[Mapping[str, str]] = dict.fromkeys(("GET", "POST"), "recommendations.view_user")

    @docs.hidden
    def get(self, request: Request, user_id: str) -> Response:
        return super().get(request, user_id)

    @classmethod
    def answer(cls, request: HttpRequest, casino: Casino, user_id: str) -> dict[str, Any]:
        return super().answer(request, casino, f"{user_id}/next")  # a user may have such an id

    @docs.slip_endpoint
    def post(self, request: Request, user_id: str) -> Response:
        body = read_body(request, ("selections", *FILTERS, VARIANT))
        serializer = self.get_serializer(data=body)
        serializer.is_valid(raise_exception=True)
        own_id = parse_user_id(user_id)
        recommendations = services.recommend_mapped(
            casino=self.casino,
            user_ids=[own_id],
            now=timezone.now(),
            filters=parse_filters(body),
            selections=tuple(serializer.validated_data["selections"]),
            variant=parse_variant(request, body),
        )
        if own_id not in recommendations:
            raise UserNotFound("User not found")
        if isinstance(answer := recommendations[own_id], IdNotOfType):
            raise answer
        return Response(answer)


class SessionView(RecommendView):
    """Recommends bets to a visitor who is not logged in."""

    http_method_names = ["get", "post", "options"]
    serializer_class = SessionSerializer
    staff_permissions: ClassVar[Mapping[str, str]] = {
        "GET": "recommendations.view_user",
        "POST": "recommendations.view_event",
    }

    @docs.hidden
    def get(self, request: Request, user_id: str = "session") -> Response:
        return super().get(request, user_id)

    @classmethod
    def answer(cls, request: HttpRequest, casino: Casino, user_id: str = "session") -> dict[str, Any]:
        return super().answer(request, casino, user_id)  # a user may have this id

    @docs.session_endpoint
    def post(self, request: Request) -> Response:
        body = read_body(request, ("selections", "viewed", *FILTERS))
        serializer = self.get_serializer(data=body)
        serializer.is_valid(raise_exception=True)
        named = {name: tuple(serializer.validated_data.get(name, ())) for name in ("selections", "viewed")}
        answer = anonymous.recommend_to_session(
            casino=self.casino, now=timezone.now(), filters=parse_filters(body), **named
        )
        return Response(answer)


class _EventsView(CasinoAPIView):
    """A view of the casino's events, without a user."""

    http_method_names = ["get", "options"]
    scope = Scope.RECOMMEND
    staff_permissions: ClassVar[Mapping[str, str]] = {"GET": "recommendations.view_event"}


class SimilarView(_EventsView):
    """Events that are similar to this one and can be bet on."""

    @docs.similar_endpoint
    def get(self, request: Request, event_id: str) -> Response:
        return Response(self.answer(request._request, self.casino, event_id))

    @classmethod
    def answer(cls, request: HttpRequest, casino: Casino, event_id: str) -> dict[str, Any]:
        filters = parse_parameters(request.GET)
        own_id = parse_own_id(event_id)
        if own_id is None:
            raise EventNotFound("Event not found among the open events")
        return anonymous.similar_events(casino=casino, event_id=own_id, now=timezone.now(), filters=filters)


class PopularView(_EventsView):
    """The events on which the casino's users bet most now."""

    @docs.popular_endpoint
    def get(self, request: Request) -> Response:
        return Response(self.answer(request._request, self.casino))

    @classmethod
    def answer(cls, request: HttpRequest, casino: Casino) -> dict[str, Any]:
        return anonymous.popular_events(casino=casino, now=timezone.now(), filters=parse_parameters(request.GET))
