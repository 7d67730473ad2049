"""Programs' requests get by the fast path what REST framework's view answers; people's don't take it."""

import re
from itertools import product
from math import nan

import pytest
from django import urls
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connections
from django.http import Http404, HttpResponse
from django.test import Client
from prometheus_client import REGISTRY
from rest_framework.response import Response

from recommendations.api.views import CasinoAPIView
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory
from tenants.access.limits import rate_limiter
from tenants.models import CasinoState, Scope
from tenants.routing.context import use_casino
from tenants.tests.api_clients import UNKNOWN_KEY, bearing, make_expired_key, make_key

SCHEMA = {
    "user": {"type": "string", "source_field": "user_id"},
    "stake": "string",
    "confidence": "float",
    "events": {"type": "list", "source_field": "recommended_events"},
}
CHANGING = {"X-Request-ID", "Date"}
ANYBODY = {"Casino-ID": "1"}
PATHS = [
    "/recommend/31", "/recommend/31?explain=1&limit=2", "/recommend/next/next", "/recommend/session", "/popular",
    "/popular?sport=FOOTBALL", "/events/5/similar",
]  # fmt: skip
REFUSED = {
    "/recommend/32": 404, "/recommend/0": 404, "/recommend/%00": 404, "/recommend/31?limit=0": 400,
    "/recommend/31?limti=2": 400, "/recommend/31?limit=1&limit=2": 400, "/recommend/31?variant=": 400,
    "/recommend/31?exclude=" + "1," * 201: 400, "/events/6/similar": 404, "/popular?max_odd=x": 400,
}  # fmt: skip
TOO_MANY = "/recommend/31?" + "a=1&" * 1_001  # parameters: Django refuses them before either way
FRAMEWORK_PATHS = {
    "/recommend/31?format=xml": 404, "/recommend/31?format=json": 200, "/recommend/31?f%6Frmat=xml": 404,
    "/recommend/": 404,
}  # fmt: skip


@pytest.fixture
def casino(casino_a, casino_b, caller_a, caller_b):
    for each, caller in ((casino_a, caller_a), (casino_b, caller_b)):
        with use_casino(each.current):
            user = UserFactory.create(id=31, country="Ελλάδα\u2028")
            EventFactory.create_each({"id": number, "home_team": f"Ä {number}"} for number in range(1, 6))
            TalliedCouponFactory.create_batch(2, user=user)
        body = {"recommender_type": "inference_score", "recommendation_schema": SCHEMA}
        assert caller.post("/config", body).status_code == 200
    return casino_a


@pytest.fixture
def both(casino, normal_path):
    """A function that sends a request by both paths, and returns the response and whether the fast one was taken."""
    short = Client(raise_request_exception=False)
    short.get("/health/live")  # loads the middleware
    normal_path()
    long = Client(raise_request_exception=False)

    def both(path, headers, method="get", **more):
        mine, other = (getattr(each, method)(path, headers=headers, **more) for each in (short, long))
        assert (mine.status_code, mine.reason_phrase) == (other.status_code, other.reason_phrase)
        assert _headers(mine) == _headers(other)
        assert _body(mine) == _body(other)
        assert type(other) is not HttpResponse or other.status_code == 400
        return mine, type(mine) is HttpResponse

    return both


def _headers(response):
    return {name: value for name, value in response.items() if name not in CHANGING}


def _body(response):
    """Without the request's id and a form's token."""
    request_id = response["X-Request-ID"].encode()
    return re.sub(rb"\b\w{64}\b", b"..", response.content.replace(request_id, b".."))


def _key(casino, *scopes):
    return bearing(make_key(casino, *scopes).text)


@pytest.mark.parametrize("path", [*PATHS, *REFUSED, *FRAMEWORK_PATHS])
@pytest.mark.parametrize("is_anybody", [False, True], ids=["key", "anybody"])
def test_both_ways_give_the_same_answers_errors_and_headers(casino, both, path, is_anybody):
    headers = ANYBODY if is_anybody else _key(casino, Scope.RECOMMEND, Scope.TEST)
    response, is_short = both(path, headers)
    expected = 404 if "next" in path or "session" in path else (REFUSED | FRAMEWORK_PATHS).get(path, 200)
    assert response.status_code == expected
    assert is_short == (path not in FRAMEWORK_PATHS)


def test_too_many_parameters_are_refused_alike(casino, both):
    for headers in (_key(casino), ANYBODY):
        assert both(TOO_MANY, headers)[0].status_code == 400


@pytest.mark.covered
@pytest.mark.parametrize("accept", ["text/html", "text/html, */*;q=0.1", "application/json; indent=4", "image/png"])
def test_a_key_gets_json_by_the_fast_path_and_a_browser_does_not_take_it(casino, both, accept):
    assert both("/recommend/31", {**_key(casino), "Accept": accept})[1]
    response, is_short = both("/popular", {**ANYBODY, "Accept": accept})
    assert not is_short
    assert response.status_code == (406 if accept == "image/png" else 200)


@pytest.mark.parametrize("header", [{"Cookie": "sessionid=a"}, {"Authorization": "Basic YTpi"}, {"Casino-ID": ""}])
def test_who_may_be_a_login_or_names_no_casino_takes_the_normal_path(both, header):
    response, is_short = both("/recommend/31", {**ANYBODY, **header})
    assert not is_short
    assert response.status_code == (200 if "Cookie" in header else 401 if "Authorization" in header else 400)


@pytest.mark.covered
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("post", "/recommend/31", 405),
        ("head", "/recommend/31", 405),
        ("options", "/popular", 200),
        ("get", "/config", 200),
    ],
)
def test_other_methods_and_endpoints_take_the_normal_path(casino, both, method, path, status):
    response, is_short = both(path, _key(casino), method)
    assert (response.status_code, is_short) == (status, False)


@pytest.mark.covered
@pytest.mark.parametrize(
    ("name", "status"), [("unknown", 401), ("expired", 401), ("no key", 401), ("scope", 403), ("variant", 403)]
)
def test_wrong_keys_are_refused_alike(casino, both, name, status):
    headers = {
        "unknown": lambda: bearing(UNKNOWN_KEY),
        "expired": lambda: bearing(make_expired_key(casino).text),
        "no key": lambda: bearing("guess"),
        "scope": lambda: _key(casino, Scope.INGEST),
        "variant": lambda: _key(casino, Scope.RECOMMEND),
    }[name]()
    response, is_short = both("/recommend/31?variant=b" if name == "variant" else "/recommend/31", headers)
    assert (response.status_code, is_short) == (status, False)


@pytest.mark.covered
@pytest.mark.parametrize(("named", "status"), [("2", 403), ("999", 403), ("x", 400), ("1", 200)])
def test_a_key_with_another_casinos_id_learns_nothing_about_it(casino, both, named, status):
    response, _ = both("/recommend/31", {**_key(casino), "Casino-ID": named})
    assert response.status_code == status
    if status == 403:
        assert response.json()["error"] == "This API key is for another casino"


@pytest.mark.covered
@pytest.mark.parametrize(("named", "status"), [("2", 200), ("999", 404), ("x", 400), ("9" * 30, 404)])
def test_anybody_gets_the_same_errors_of_casinos(both, named, status):
    assert both("/recommend/31", {"Casino-ID": named})[0].status_code == status


def test_a_refused_casino_is_looked_up_once(casino, django_assert_num_queries):
    client = Client()
    for status in (404, 404):
        with django_assert_num_queries(1, connection=connections["default"]):
            assert client.get("/popular", headers={"Casino-ID": "999"}).status_code == status


def test_a_closed_installation_answers_nobody_without_a_key(casino, both, settings):
    settings.RECSYS_OPEN_API = False
    assert both("/recommend/31", ANYBODY)[0].status_code == 401
    assert both("/recommend/31", _key(casino))[0].status_code == 200


@pytest.mark.covered
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"state": CasinoState.SUSPENDED}, 423),
        ({"state": CasinoState.DELETING}, 404),
        ({"schema_version": "0"}, 503),
        ({"recommender_type": None}, 400),
    ],
)
def test_casinos_that_are_not_served_are_refused_alike(casino, both, changes, status):
    headers = _key(casino)
    type(casino).objects.filter(pk=casino.pk).update(**changes)
    for each in (headers, ANYBODY):
        assert both("/recommend/31", each)[0].status_code == status


def test_limits_hold_alike(casino, both):
    headers = _key(casino)
    type(casino).objects.filter(pk=casino.pk).update(request_bytes=1)
    for each in (headers, ANYBODY):
        response, _ = both("/recommend/31", {**each, "Content-Length": "2"})
        assert (response.status_code, response.json()["code"]) == (413, "request_too_large")


def test_a_path_without_a_leading_slash_is_unknown_alike(casino, both):
    response, is_short = both("/recommend/31", _key(casino), PATH_INFO="recommend/31")
    assert (response.status_code, is_short) == (404, False)


@pytest.fixture
def https(casino, settings):
    settings.SECURE_HSTS_SECONDS = 60


@pytest.fixture
def https_alone(https, settings):
    settings.SECURE_SSL_REDIRECT = True


def test_browsers_are_told_alike_to_come_back_by_tls(casino, https, both):
    for is_secure in (False, True):
        response, is_short = both("/recommend/31", _key(casino), secure=is_secure)
        assert is_short
        assert response.get("Strict-Transport-Security") == ("max-age=60" if is_secure else None)


@pytest.mark.parametrize("is_secure", [True, False])
def test_hosts_and_tls_are_required_alike(casino, https_alone, both, is_secure):
    assert both("/recommend/31", _key(casino), secure=is_secure)[0].status_code == (200 if is_secure else 301)
    assert both("/recommend/31", _key(casino), secure=True, SERVER_NAME="other.example")[0].status_code == 400


@pytest.mark.covered
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"HTTP_HOST": "ours.example"}, 200),
        ({"HTTP_HOST": "OURS.example.:8080"}, 200),
        ({"HTTP_HOST": "other.example"}, 400),
        ({"HTTP_HOST": "other." * 100 + "example"}, 400),
        ({"HTTP_HOST": "ours.example/x"}, 400),
        ({"HTTP_HOST": ""}, 400),
        ({"HTTP_HOST": "ours.example", "HTTP_X_FORWARDED_HOST": "other.example"}, 200),
    ],
)
def test_the_header_host_is_required_alike(casino, both, settings, headers, status):
    settings.ALLOWED_HOSTS = ["ours.example"]
    response, is_short = both("/recommend/31", _key(casino), **headers)
    assert (response.status_code, is_short) == (status, status == 200)
    settings.USE_X_FORWARDED_HOST = True
    is_forwarded = "HTTP_X_FORWARDED_HOST" in headers
    assert both("/recommend/31", _key(casino), **headers)[0].status_code == (400 if is_forwarded else status)
    settings.ALLOWED_HOSTS = ["other.example"]
    is_other = is_forwarded or headers["HTTP_HOST"] == "other.example"
    assert both("/recommend/31", _key(casino), **headers)[0].status_code == (200 if is_other else 400)


@pytest.mark.covered
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperationalError("gone"), 503),
        (ZeroDivisionError("secret"), 500),
        (Http404("secret"), 404),
        (PermissionDenied("secret"), 403),
    ],
)
def test_failures_are_answered_alike(casino, both, error, status):
    def fail(*_):
        raise error

    for path, headers in product(("/recommend/31", "/popular"), (_key(casino), ANYBODY)):
        with connections["casino_1"].execute_wrapper(fail):
            response, _ = both(path, headers)
        assert response.status_code == status
        assert b"secret" not in response.content


@pytest.fixture
def limited(casino):
    type(casino).objects.filter(pk=casino.pk).update(request_rate=1_000)


@pytest.mark.covered
@pytest.mark.parametrize("is_anybody", [False, True], ids=["key", "anybody"])
def test_a_failure_that_passes_is_logged_and_the_request_answered_and_counted_once(casino, limited, caplog, is_anybody):
    client, headers, errors = Client(), ANYBODY if is_anybody else _key(casino), [ZeroDivisionError("once")]

    def fail_once(execute, *arguments):
        if errors:
            raise errors.pop()
        return execute(*arguments)

    assert client.get("/recommend/31", headers=headers).status_code == 200
    tokens, counted = rate_limiter._tokens[1].count, _counted(200)
    with connections["casino_1"].execute_wrapper(fail_once):
        assert client.get("/recommend/31", headers=headers).status_code == 200
    assert not errors
    assert (rate_limiter._tokens[1].count, _counted(200)) == (tokens - 1, counted + 1)
    [logged] = [each for each in caplog.records if each.name == "recommendations.api.fast_path"]
    assert (logged.levelname, str(logged.exc_info[1])) == ("WARNING", "once")
    assert "31" not in logged.getMessage()


def test_an_answer_that_no_json_can_hold_is_an_error_and_not_computed_again(casino, settings):
    answered = []

    class NotANumberView(CasinoAPIView):
        scope = Scope.RECOMMEND

        def get(self, request):
            return Response(self.answer(request._request, self.casino))

        @classmethod
        def answer(cls, request, casino):
            answered.append(casino.id)
            return {"confidence": nan}

    settings.ROOT_URLCONF = (urls.path("recommend", NotANumberView.as_view()),)
    client = Client(raise_request_exception=False)
    for headers in (_key(casino), ANYBODY):
        assert client.get("/recommend", headers=headers).status_code == 500
    assert answered == [1, 1]


def _counted(status):
    labels = {"method": "GET", "route": "/recommend/<path:user_id>", "status": str(status), "casino": "1"}
    return REGISTRY.get_sample_value("recsys_requests_total", labels) or 0


def test_it_is_logged_and_counted_alike(casino, both, caplog):
    caplog.set_level("INFO", logger="access")
    before = _counted(404)
    both("/recommend/32", _key(casino))
    assert _counted(404) == before + 2
    lines = [each for each in caplog.records if each.name == "access"]
    short, long = ((each.casino, each.method, each.route, each.status) for each in lines)
    assert short == long == (1, "GET", "/recommend/<path:user_id>", 404)
