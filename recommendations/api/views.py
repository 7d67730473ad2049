"""The endpoints: each parses the request, calls one service and formats the response."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import MethodNotAllowed, NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.settings import api_settings

from recommendations import services
from recommendations.errors import IdNotOfType, InvalidParameter, UserNotFound
from recommendations.serving.request_filters import FILTERS, NO_FILTERS, RequestFilters, parse_filters
from recommendations.validation.own_ids import OwnId, parse_own_id
from tenants.access.limits import admit
from tenants.http.authentication import ScopeMissing
from tenants.http.error_responses import error_body
from tenants.http.request_state import request_state, state_in
from tenants.models import Casino, Scope

from . import openapi as docs
from .error_statuses import STATUS_AND_CODE
from .names import check_fields, check_parameters
from .renderers import PiecewiseJSONRenderer
from .serializers import UsersSerializer

VARIANT = "variant"


class CasinoAPIView(GenericAPIView[Any]):
    """A view of one casino, which is found and authorised before any handler runs."""

    needs_casino = True  # read by RequestStateMiddleware
    casino: Casino
    scope: Scope  # required of an API key
    staff_permissions: ClassVar[Mapping[str, str]] = {}  # method -> permission; other methods are open to all staff

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        state = request_state(request)
        self.casino = state.require_casino()
        if state.admitted_id is None:  # without a key: only now is the caller authorised to use the casino's limits
            state.admitted_id = admit(request, self.casino)


class RecommendView(CasinoAPIView):
    """Recommends bets to this user, in the casino's own fields."""

    http_method_names = ["get", "options"]  # HEAD would serve a recommendation that nobody sees
    scope = Scope.RECOMMEND
    staff_permissions: ClassVar[Mapping[str, str]] = {"GET": "recommendations.view_user"}

    @docs.casino_endpoint(
        docs.RECOMMENDATION,
        codes=["casino_not_configured", "invalid_parameter", "user_not_found", "id_not_of_type"],
        operation_id="recommend",
        parameters=[docs.USER_ID, *docs.FILTERS, docs.VARIANT],
        examples=[docs.example(docs.EXAMPLE_RECOMMENDATION)],
    )
    def get(self, request: Request, user_id: str) -> Response:
        return Response(self.answer(request._request, self.casino, user_id))

    @classmethod
    def answer(cls, request: HttpRequest, casino: Casino, user_id: str) -> dict[str, Any]:
        """The body of the response. `FastPathMiddleware` also calls this, without a view."""
        filters, variant = NO_FILTERS, ""
        if request.META.get("QUERY_STRING"):
            filters = parse_parameters(request.GET, VARIANT)
            variant = parse_variant(request, request.GET)
        own_id = parse_user_id(user_id)
        recommendations = services.recommend_mapped(
            casino=casino, user_ids=[own_id], now=timezone.now(), filters=filters, variant=variant
        )
        if own_id not in recommendations:
            raise UserNotFound("User not found")
        if isinstance(answer := recommendations[own_id], IdNotOfType):
            raise answer
        return answer


class RecommendManyView(CasinoAPIView):
    """Recommends bets to up to 500 users: `user_ids`, and the parameters of a single user's request for all of them."""

    serializer_class = UsersSerializer
    renderer_classes = (PiecewiseJSONRenderer, BrowsableAPIRenderer)
    scope = Scope.RECOMMEND
    staff_permissions: ClassVar[Mapping[str, str]] = {"POST": "recommendations.view_user"}

    @docs.casino_endpoint(
        docs.RECOMMENDATIONS,
        codes=[*docs.BODY_CODES, "casino_not_configured", "invalid_parameter"],
        operation_id="recommend_many",
        examples=[docs.example({"recommendations": [docs.EXAMPLE_RECOMMENDATION], "unknown_users": [32]})],
        **docs.with_body(docs.MANY),
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, ("user_ids", *FILTERS, VARIANT))
        serializer = self.get_serializer(data=body)
        serializer.is_valid(raise_exception=True)
        user_ids = serializer.validated_data["user_ids"]
        recommendations = services.recommend_mapped(
            casino=self.casino,
            user_ids=user_ids,
            now=timezone.now(),
            filters=parse_filters({name: value for name, value in body.items() if name != "user_ids"}),
            variant=parse_variant(request, body),
        )
        return Response(_batch_response(user_ids, recommendations))


_document_purchase = partial(
    docs.casino_endpoint,
    docs.CREATED,
    codes=["test_endpoints_off", "user_not_found", "no_open_events"],
    statuses=(status.HTTP_201_CREATED,),
    parameters=[docs.USER_ID],
    examples=[docs.example({"message": "Coupons created successfully", "coupon_ids": [1, 2, 3]})],
    request=None,
)


class PurchaseView(CasinoAPIView):
    """Creates three dummy coupons for this user, for testing."""

    http_method_names = ["get", "post", "options"]  # HEAD would buy as GET does
    scope = Scope.TEST
    staff_permissions: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("GET", "POST"), "recommendations.add_purchasedcoupon"
    )
    serializer_class = Serializer  # without fields; the browsable API needs one for the button

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not settings.RECSYS_TEST_ENDPOINTS:
            text = "Test endpoints are switched off; RECSYS_TEST_ENDPOINTS=1 switches them on"
            raise NotFound(text, code="test_endpoints_off")
        super().initial(request, *args, **kwargs)

    @_document_purchase(operation_id="purchase_by_get")
    def get(self, request: Request, user_id: str) -> Response:
        if request.user.is_authenticated:  # a page of another site could send it with the login's cookie
            raise MethodNotAllowed("GET", "Logins create coupons with POST; GET is for API keys")
        return self.post(request, user_id)

    @_document_purchase(operation_id="purchase")
    def post(self, request: Request, user_id: str) -> Response:
        coupon_ids = services.purchase(user_id=parse_user_id(user_id), now=timezone.now())
        return Response(
            {"message": "Coupons created successfully", "coupon_ids": coupon_ids}, status=status.HTTP_201_CREATED
        )


def _batch_response(
    user_ids: Sequence[OwnId], recommendations: Mapping[OwnId, dict[str, Any] | IdNotOfType]
) -> dict[str, Any]:
    """The response of a batch; without `failed_users` if there are none."""
    failed = [
        {"user_id": user_id, **error_body(str(answer), STATUS_AND_CODE[IdNotOfType].code)}
        for user_id, answer in recommendations.items()
        if isinstance(answer, IdNotOfType)
    ]
    return {
        "recommendations": [answer for answer in recommendations.values() if isinstance(answer, dict)],
        "unknown_users": [user_id for user_id in dict.fromkeys(user_ids) if user_id not in recommendations],
        **({"failed_users": failed} if failed else {}),
    }


def parse_parameters(parameters: QueryDict, *others: str) -> RequestFilters:
    """Parse the filters in a query string; `others` are further allowed parameters. Raises InvalidParameter."""
    check_parameters(parameters, (*FILTERS, *others, api_settings.URL_FORMAT_OVERRIDE))
    return parse_filters(parameters.dict())


def parse_variant(request: HttpRequest | Request, given: Mapping[str, Any]) -> str:
    """The variant of an experiment that a test forces; empty for none. Raises ScopeMissing for an API key without the
    scope `test`, and InvalidParameter for a value that is not text."""
    variant = given.get(VARIANT)
    if variant is None:
        return ""
    key = state_in(request.META).key
    if key is not None and Scope.TEST not in key.scopes:
        raise ScopeMissing(f"This API key does not have the scope {Scope.TEST}, which {VARIANT} needs")
    if not isinstance(variant, str) or not variant:
        raise InvalidParameter(f"{VARIANT} must be the name of a variant")
    return variant


def read_body(request: Request, known: Collection[str]) -> dict[str, Any]:
    """The body's fields. Raises InvalidParameter for an unknown one, except in forms, to which browsers add fields."""
    body: Any = request.data  # the parsers return nothing but objects
    if not isinstance(body, QueryDict):
        check_fields(body, known)
    fields: dict[str, Any] = body
    return fields


def parse_user_id(text: str) -> OwnId:
    """The casino's own user id in a URL. Raises UserNotFound for a text that is not an id."""
    user_id = parse_own_id(text)
    if user_id is None:
        raise UserNotFound("User not found")
    return user_id
