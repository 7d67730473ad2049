"""The endpoints of a casino's configuration."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from recommendations import services
from recommendations.errors import CasinoNotConfigured
from recommendations.serving.configuration_patch import reset_options
from recommendations.serving.options import all_options_as_json, load_options, options_schema
from tenants.models import Casino, Scope

from . import openapi as docs
from .parsers import MergePatchParser
from .serializers import ConfigurationSerializer
from .views import CasinoAPIView, read_body

_FIELDS = ("recommender_type", "recommendation_schema", "options", "timestamp")
_REQUIRED = {"recommender_type": None, "recommendation_schema": None}
_CODES = (*docs.BODY_CODES, "invalid_configuration", "invalid_parameter")


class ConfigView(CasinoAPIView):
    """The casino's configuration: GET shows it, POST replaces it, PATCH changes parts of it."""

    serializer_class = ConfigurationSerializer
    parser_classes = (*CasinoAPIView.parser_classes, MergePatchParser)
    scope = Scope.CONFIGURE
    staff_permissions: ClassVar[Mapping[str, str]] = dict.fromkeys(("POST", "PATCH"), "tenants.change_casino")

    @docs.casino_endpoint(docs.STORED_CONFIGURATION, codes=["casino_not_configured"], operation_id="config")
    def get(self, request: Request) -> Response:
        if not self.casino.is_configured:
            raise CasinoNotConfigured("Casino is not configured. Please set up the casino first.")
        return Response(_configuration(self.casino) | {"options": _options(self.casino)})

    @docs.casino_endpoint(docs.SAVED, codes=_CODES, operation_id="configure", **docs.with_body(docs.CONFIGURATION))
    def post(self, request: Request) -> Response:
        before = self.casino.options
        fields = _REQUIRED | self._read_fields(request)
        casino = services.configure(casino=self.casino, now=timezone.now(), staff=_staff(request), **fields)
        return _saved(casino, before)

    @docs.casino_endpoint(
        docs.SAVED,
        codes=_CODES,
        operation_id="patch_configuration",
        **docs.with_body(docs.PATCH, "application/json", MergePatchParser.media_type),
    )
    def patch(self, request: Request) -> Response:
        before = self.casino.options
        patch = self._read_fields(request)
        casino = services.patch_configuration(
            casino=self.casino, patch=patch, now=timezone.now(), staff=_staff(request)
        )
        return _saved(casino, before)

    def _read_fields(self, request: Request) -> dict[str, Any]:
        serializer = self.get_serializer(data=read_body(request, _FIELDS), partial=request.method == "PATCH")
        serializer.is_valid(raise_exception=True)
        fields: dict[str, Any] = serializer.validated_data
        return fields


class OptionsSchemaView(APIView):
    """JSON Schema of a configuration's `options`."""

    @docs.shared_endpoint(docs.JSON_SCHEMA, operation_id="options_schema")
    def get(self, request: Request) -> Response:
        return Response(options_schema())


def _staff(request: Request) -> Any:
    return request.user if request.user.is_authenticated else None


def _saved(casino: Casino, before: Mapping[str, Any] | None) -> Response:
    """The response to a stored configuration. `reset_options`, which the original contract does not have, is included
    only if options were reset."""
    configuration = _configuration(casino)
    answer = {
        "message": "Configuration successfully saved!",
        "recommender_type": configuration["recommender_type"],
        "recommendation_schema": configuration["recommendation_schema"],
        "config": configuration,
    }
    reset = reset_options(before, casino.options)
    return Response(answer | ({"reset_options": reset} if reset else {}))


def _configuration(casino: Casino) -> dict[str, Any]:
    return {
        "recommender_type": casino.recommender_type,
        "recommendation_schema": casino.recommendation_schema,
        "timestamp": casino.timestamp,
        **({"options": _options(casino)} if casino.options else {}),
    }


def _options(casino: Casino) -> dict[str, Any]:
    return all_options_as_json(load_options(casino.options))
