"""The API's OpenAPI schema, and that all responses conform to it."""

import os
import re
from collections.abc import Iterable
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from recommendations.api.error_codes import ERROR_CODES
from recommendations.api.error_statuses import STATUS_AND_CODE
from recommendations.services import configure
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory
from tenants.routing.context import use_casino
from tenants.tests.api_clients import UNKNOWN_KEY, bearing, make_key
from tenants.tests.exhaustive import scaled

pytestmark = pytest.mark.covered

CASES = int(os.environ.get("API_CASES", scaled(60, 120)))
PAGES = ("schema", "swagger")
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def document():
    return SchemaGenerator().get_schema(request=None, public=True)


def test_schema_is_openapi_3_1_and_has_every_endpoint(document):
    assert document["openapi"].startswith("3.1")
    top: list[Any] = get_resolver().url_patterns
    included = [each for resolver in top if str(resolver.pattern) == "" for each in resolver.url_patterns]
    patterns = [each for each in (*top, *included) if hasattr(each.callback, "cls")]
    endpoints = {re.sub(r"<\w+:(\w+)>", r"{\1}", f"/{each.pattern}") for each in patterns if each.name not in PAGES}
    assert set(document["paths"]) == endpoints


def test_every_operation_has_its_authentication_and_errors(document):
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert {"apiKey": []} in operation["security"], path
            assert {"401", "403", "404", "413", "429", "500", "503"} <= set(operation["responses"]), path


def test_every_error_has_an_example_under_its_status(document):
    shown = {}
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                for code in response["content"]["application/json"].get("examples", {}).values():
                    if "code" in code["value"]:
                        shown[code["value"]["code"]] = int(status)
    assert shown == {code: error.status for code, error in ERROR_CODES.items()}


def test_errors_are_answered_with_the_codes_and_statuses_that_are_documented():
    for kind in STATUS_AND_CODE.values():
        assert ERROR_CODES[kind.code].status == kind.status


@pytest.mark.parametrize("path", ["/api/schema/", "/api/docs/"])
def test_schema_and_its_pages_require_authentication(client, admin_client, casino_a, settings, path):
    settings.RECSYS_OPEN_API = False
    assert client.get(path).status_code == 401
    assert client.get(path, headers=bearing(make_key(casino_a).text)).status_code == 200
    assert admin_client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/api/docs/"])
def test_pages_load_nothing_from_other_hosts(admin_client, path):
    page = admin_client.get(path).content.decode()
    assert "/static/drf_spectacular_sidecar/" in page
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', page) == []


@pytest.fixture
def casino(casino_a, settings):
    """A configured casino with events to recommend."""
    settings.RECSYS_OPEN_API, settings.RECSYS_TEST_ENDPOINTS = False, True
    with use_casino(casino_a.current):
        EventFactory.create_batch(5)
        for user_id in (1, 2, 3):
            TalliedCouponFactory.create(user=UserFactory.create(id=user_id))
    schema = {"user_id": "int", "events": {"type": "list", "source_field": "recommended_events"}}
    configure(casino=casino_a, recommender_type="inference", recommendation_schema=schema, now=timezone.now())
    return casino_a


@pytest.fixture
def application():
    """The WSGI application, which does not close the connections of a test's transaction, as Django's client."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield WSGIHandler()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def _keys(casino):
    """Mostly a valid one: requests that authentication rejects test little."""
    good = make_key(casino).text
    return st.sampled_from([good, good, good, good, good, good, UNKNOWN_KEY, make_key(casino, "test").text])


@pytest.mark.no_cover
@pytest.mark.scaled
@pytest.mark.filterwarnings("ignore")
def test_no_request_causes_a_server_error_or_a_response_outside_the_schema(casino, document, application):
    schema = schemathesis.openapi.from_dict(document)
    schema.app = application
    results: Iterable[Any] = schema.get_all_operations()
    operations = [result.ok() for result in results]
    cases = st.one_of([operation.as_strategy() for operation in operations])
    strange = st.one_of(
        [
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
            for operation in operations
            if operation.path_parameters or operation.headers or operation.query or operation.body
        ]
    )

    @hypothesis_settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=CASES < 5_000,
    )
    @given(st.one_of(cases, strange), _keys(casino))
    def call(case, key):
        case.headers["Authorization"] = f"Api-Key {key}"
        case.call_and_validate(checks=CHECKS)

    call()


def test_response_is_json_unless_html_is_accepted(casino):
    answer = Client().get("/recommend/1", headers=bearing(make_key(casino).text))
    assert answer["Content-Type"] == "application/json"
