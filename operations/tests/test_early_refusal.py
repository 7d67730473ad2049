"""Requests of casinos known to exceed their rate are rejected before Django, and no others."""

import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY

from operations.asgi_adapter import AsgiAdapter
from operations.middleware import EarlyRefusal
from operations.probes import PROBES
from tenants.access.api_keys import api_key_cache
from tenants.access.limits import CHUNK_SECONDS, rate_limiter
from tenants.tests.api_clients import ask, make_key

from .test_asgi_adapter import Application as Inside
from .test_asgi_adapter import Client
from .test_asgi_adapter import ask as ask_adapter

RATE = 2


@pytest.fixture(autouse=True)
def limited(settings):
    settings.RECSYS_OPEN_API = False
    settings.API_REQUESTS_PER_SECOND = RATE
    settings.CATALOGUE_LEASE_SECONDS = 60


@pytest.fixture
def exhausted(casino_a, casino_b, monkeypatch):
    """A cached key of a casino that has exceeded its rate limit for longer than a test takes."""
    monkeypatch.setattr("tenants.access.limits.CHUNK_SECONDS", 3_600.0)
    return exhaust(make_key(casino_a).text)


def exhaust(key):
    while ask(key).status_code != 429:
        pass
    return key


class Application:
    """A WSGI application behind EarlyRefusal, and the number of admitted requests."""

    def __init__(self):
        self.passed = 0
        self._application = EarlyRefusal(self._pass)

    def _pass(self, environ, start_response):
        self.passed += 1
        start_response("200 OK", [])
        return [b"inside"]

    def request(self, authorization=None, **more):
        """The status, the headers and the body."""
        started = []
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/recommend/1", **more}
        if authorization is not None:
            environ["HTTP_AUTHORIZATION"] = authorization
        body = b"".join(self._application(environ, lambda status, headers: started.append((status, dict(headers)))))
        return *started[0], body


@pytest.fixture
def application():
    return Application()


def bearing(key):
    return f"Api-Key {key}"


def test_early_rejection_equals_the_middlewares_and_costs_no_query(exhausted, application, django_assert_num_queries):
    with django_assert_num_queries(0):
        status, headers, body = application.request(bearing(exhausted))
    answer = ask(exhausted)
    assert (status, application.passed) == ("429 Too Many Requests", 0)
    assert (json.loads(body), headers["Retry-After"]) == (answer.json(), answer["Retry-After"])
    assert (headers["Content-Type"], headers["Content-Length"]) == ("application/json", str(len(body)))
    assert len(headers["X-Request-ID"]) == 32
    assert application.request(bearing(exhausted), HTTP_X_REQUEST_ID="edge-1")[1]["X-Request-ID"] == "edge-1"


def test_the_event_loop_rejects_without_a_thread_and_not_at_once(exhausted):
    rejected = Client("GET", "/recommend/1", headers=[(b"authorization", bearing(exhausted).encode())])
    began, inside = time.monotonic(), Inside()
    ask_adapter(AsgiAdapter(inside), rejected)
    assert (rejected.status, rejected.code, inside.asked) == (429, "rate_limited", [])
    assert time.monotonic() >= began + 0.1
    assert rejected.headers["content-length"] == str(len(rejected.body))


def test_chunked_body_that_no_server_has_read_gets_411(application):
    status, _, body = application.request(REQUEST_METHOD="POST", HTTP_TRANSFER_ENCODING="chunked")
    assert (status, json.loads(body)["code"], application.passed) == ("411 Length Required", "length_required", 0)


def test_early_rejections_are_counted_by_casino_and_not_logged(exhausted, application, log):
    labels = {"method": "GET", "route": "(refused)", "status": "429", "casino": "1"}
    before = REGISTRY.get_sample_value("recsys_requests_total", labels) or 0
    application.request(bearing(exhausted))
    assert REGISTRY.get_sample_value("recsys_requests_total", labels) == before + 1
    assert log.text == ""  # at DEBUG


def test_requests_rejected_by_the_middleware_are_counted_for_the_keys_casino(exhausted):
    labels = {"method": "GET", "route": "(unknown)", "status": "429", "casino": "1"}
    before = REGISTRY.get_sample_value("recsys_requests_total", labels) or 0
    ask(exhausted)
    assert REGISTRY.get_sample_value("recsys_requests_total", labels) == before + 1


def test_all_other_requests_pass(exhausted, application, casino_b):
    other = make_key(casino_b).text
    ask(other)
    for number, authorization in enumerate(
        [None, "", "Api-Key", f"Bearer {exhausted}", bearing(exhausted[:-1] + "~"), bearing(other), "Basic eDp5"], 1
    ):
        assert application.request(authorization)[0] == "200 OK"
        assert application.passed == number
    assert application.request(bearing(exhausted))[0] == "429 Too Many Requests"


@pytest.mark.parametrize("path", sorted(PROBES))
def test_probes_pass(exhausted, application, path):
    assert application.request(bearing(exhausted), PATH_INFO=path)[0] == "200 OK"
    assert application.request(bearing(exhausted))[0] == "429 Too Many Requests"


def test_uncached_key_passes(exhausted, application):
    assert application.request(bearing(exhausted))[0] == "429 Too Many Requests"
    api_key_cache.reset()
    assert application.request(bearing(exhausted))[0] == "200 OK"


def test_expired_key_passes(exhausted, application, casino_a, monkeypatch):
    expires_at = timezone.now() + timedelta(days=1)
    key = exhaust(make_key(casino_a, expires_at=expires_at).text)
    assert application.request(bearing(key))[0] == "429 Too Many Requests"
    monkeypatch.setattr("tenants.access.api_keys.timezone.now", lambda: expires_at)
    assert application.request(bearing(key))[0] == "200 OK"
    assert application.request(bearing(exhausted))[0] == "429 Too Many Requests"


def test_request_passes_when_the_bucket_may_be_tried_again(application, casino_a):
    key = exhaust(make_key(casino_a).text)
    time.sleep(CHUNK_SECONDS)
    assert application.request(bearing(key))[0] == "200 OK"


def test_requests_pass_once_there_are_tokens(exhausted, application):
    assert application.request(bearing(exhausted))[0] == "429 Too Many Requests"
    rate_limiter.charge(1, -1)
    assert application.request(bearing(exhausted))[0] == "200 OK"
