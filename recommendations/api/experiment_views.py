"""The endpoints of a casino's experiments."""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from django.utils import timezone
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from recommendations.errors import InvalidExperiment
from recommendations.experiments.definition import Definition, definition_schema
from recommendations.experiments.description import describe_experiment
from recommendations.experiments.lifecycle import (
    create_experiment,
    find_experiment,
    grow_experiment,
    list_experiments,
    start_experiment,
    stop_experiment,
)
from recommendations.experiments.report import report_on
from tenants.http.request_state import caller
from tenants.models import Experiment, Scope

from . import experiment_docs
from . import openapi as docs
from .views import CasinoAPIView, read_body


class _ExperimentView(CasinoAPIView):
    scope = Scope.CONFIGURE
    staff_permissions: ClassVar[Mapping[str, str]] = {"POST": "tenants.change_casino"}
    serializer_class = Serializer  # without fields; the browsable API needs one for its form


class ExperimentsView(_ExperimentView):
    """The casino's experiments: GET lists them, POST stores a draft."""

    @docs.casino_endpoint(experiment_docs.EXPERIMENTS, operation_id="experiments")
    def get(self, request: Request) -> Response:
        now = timezone.now()
        return Response({"experiments": [describe_experiment(each, now) for each in list_experiments(self.casino)]})

    @docs.casino_endpoint(
        experiment_docs.EXPERIMENT,
        codes=[*docs.BODY_CODES, "invalid_parameter", "invalid_experiment", "experiment_conflict"],
        statuses=(status.HTTP_201_CREATED,),
        operation_id="create_experiment",
        **docs.with_body(experiment_docs.DEFINITION),
    )
    def post(self, request: Request) -> Response:
        definition = read_body(request, Definition.__struct_fields__)
        created = create_experiment(
            casino=self.casino, definition=dict(definition), by=caller(request), now=timezone.now()
        )
        return _answer(created, status.HTTP_201_CREATED)


class ExperimentView(_ExperimentView):
    """One experiment, with its state."""

    staff_permissions: ClassVar[Mapping[str, str]] = {}

    @docs.casino_endpoint(
        experiment_docs.EXPERIMENT,
        codes=["experiment_not_found"],
        operation_id="experiment",
        parameters=[experiment_docs.NAME],
    )
    def get(self, request: Request, name: str) -> Response:
        return _answer(find_experiment(self.casino, name))


class ExperimentReportView(_ExperimentView):
    """An experiment's results so far: users, and for each variant a verdict that is valid at any number of looks."""

    staff_permissions: ClassVar[Mapping[str, str]] = {}

    @docs.casino_endpoint(
        experiment_docs.REPORT,
        codes=["experiment_not_found", "experiment_conflict"],
        operation_id="experiment_report",
        parameters=[experiment_docs.NAME],
    )
    def get(self, request: Request, name: str) -> Response:
        return Response(msgspec.to_builtins(report_on(find_experiment(self.casino, name), timezone.now())))


class StartExperimentView(_ExperimentView):
    """Starts a draft, now or at its `starts_at`."""

    @experiment_docs.change_endpoint("start_experiment", "casino_not_configured", request=None)
    def post(self, request: Request, name: str) -> Response:
        read_body(request, ())
        return _answer(start_experiment(casino=self.casino, name=name, by=caller(request), now=timezone.now()))


class StopExperimentView(_ExperimentView):
    """Stops an experiment, which can't be started again. Its users get the casino's own configuration."""

    @experiment_docs.change_endpoint("stop_experiment", request=None)
    def post(self, request: Request, name: str) -> Response:
        read_body(request, ())
        return _answer(stop_experiment(casino=self.casino, name=name, by=caller(request), now=timezone.now()))


class GrowExperimentView(_ExperimentView):
    """Lets more users take part; users who take part already keep their variant."""

    @experiment_docs.change_endpoint("grow_experiment", **docs.with_body(experiment_docs.GROWN))
    def post(self, request: Request, name: str) -> Response:
        traffic = read_body(request, ("traffic",)).get("traffic")
        if isinstance(traffic, bool) or not isinstance(traffic, int | float):
            raise InvalidExperiment("traffic must be a number above 0, up to 1")
        grown = grow_experiment(casino=self.casino, name=name, traffic=traffic, by=caller(request), now=timezone.now())
        return _answer(grown)


class DefinitionSchemaView(APIView):
    """JSON Schema of an experiment's definition."""

    @docs.shared_endpoint(docs.JSON_SCHEMA, operation_id="experiment_schema")
    def get(self, request: Request) -> Response:
        return Response(definition_schema())


def _answer(experiment: Experiment, code: int = status.HTTP_200_OK) -> Response:
    found: dict[str, Any] = describe_experiment(experiment, timezone.now())
    return Response(found, status=code)
