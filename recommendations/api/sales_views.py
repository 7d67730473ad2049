"""The endpoint of the sales of a casino's recommendations."""

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from recommendations.attribution.periods import parse_period
from recommendations.attribution.sales import read_sales, sales_as_json
from tenants.models import Scope

from . import openapi as docs
from . import sales_docs
from .views import CasinoAPIView


class SalesView(CasinoAPIView):
    """Bets that are attributed to recommendations, by day, recommender, placement and market."""

    scope = Scope.CONFIGURE

    @docs.casino_endpoint(
        sales_docs.SALES, codes=["invalid_parameter"], operation_id="sales", parameters=sales_docs.PERIOD
    )
    def get(self, request: Request) -> Response:
        given = request.query_params
        first, last = parse_period(given.get("from"), given.get("to"), timezone.now())
        return Response({"casino_id": self.casino.pk} | sales_as_json(read_sales(first, last)))
