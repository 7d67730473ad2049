"""Who is known to ask too often is turned away in front of Django, and nobody else is."""

import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY

from operations.early_refusal import EarlyRefusal
from operations.probes import PROBES
from tenants.access.api_keys import api_key_cache
from tenants.access.rate_limit import CHUNK_SECONDS, rate_limiter
from tenants.tests.api_clients import ask, make_key

RATE = 2


@pytest.fixture(autouse=True)
def limited(settings):
    settings.RECSYS_OPEN_API = False
    settings.API_REQUESTS_PER_SECOND = RATE
    settings.CATALOGUE_LEASE_SECONDS = 60


@pytest.fixture
def exhausted(casino_a, casino_b, monkeypatch):
    """A key of a casino that has used up its rate, for longer than a test takes; `api_key_cache` knows it."""
    monkeypatch.setattr("tenants.access.rate_limit.CHUNK_SECONDS", 3_600.0)
    return exhaust(make_key(casino_a).text)


def exhaust(key):
    while ask(key).status_code != 429:
        pass
    return key


class Door:
    """A doorkeeper, and how often it let somebody in."""

    def __init__(self):
        self.let_in = 0
        self._doorkeeper = EarlyRefusal(self._inside)

    def _inside(self, environ, start_response):
        self.let_in += 1
        start_response("200 OK", [])
        return [b"inside"]

    def knock(self, authorization=None, **more):
        """The status, the headers and the body."""
        heard = []
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/recommend/1", **more}
        if authorization is not None:
            environ["HTTP_AUTHORIZATION"] = authorization
        body = b"".join(self._doorkeeper(environ, lambda status, headers: heard.append((status, dict(headers)))))
        return *heard[0], body


@pytest.fixture
def door():
    return Door()


def bearing(key):
    return f"Api-Key {key}"


def test_who_is_refused_gets_what_the_gate_would_answer_without_a_query(exhausted, door, django_assert_num_queries):
    with django_assert_num_queries(0):
        status, headers, body = door.knock(bearing(exhausted))
    answer = ask(exhausted)
    assert (status, door.let_in) == ("429 Too Many Requests", 0)
    assert (json.loads(body), headers["Retry-After"]) == (answer.json(), answer["Retry-After"])
    assert (headers["Content-Type"], headers["Content-Length"]) == ("application/json", str(len(body)))
    assert len(headers["X-Request-ID"]) == 32
    assert door.knock(bearing(exhausted), HTTP_X_REQUEST_ID="edge-1")[1]["X-Request-ID"] == "edge-1"


def test_refused_requests_are_counted_by_casino_and_not_logged(exhausted, door, log):
    labels = {"method": "GET", "route": "(refused)", "status": "429", "casino": "1"}
    before = REGISTRY.get_sample_value("recsys_requests_total", labels) or 0
    door.knock(bearing(exhausted))
    assert REGISTRY.get_sample_value("recsys_requests_total", labels) == before + 1
    assert log.text == ""  # at DEBUG


def test_requests_that_the_gate_refuses_are_counted_for_the_keys_casino(exhausted):
    labels = {"method": "GET", "route": "(unknown)", "status": "429", "casino": "1"}
    before = REGISTRY.get_sample_value("recsys_requests_total", labels) or 0
    ask(exhausted)
    assert REGISTRY.get_sample_value("recsys_requests_total", labels) == before + 1


def test_everybody_else_is_let_in(exhausted, door, casino_b):
    other = make_key(casino_b).text
    ask(other)
    for number, authorization in enumerate(
        [None, "", "Api-Key", f"Bearer {exhausted}", bearing(exhausted[:-1] + "~"), bearing(other), "Basic eDp5"], 1
    ):
        assert door.knock(authorization)[0] == "200 OK"
        assert door.let_in == number
    assert door.knock(bearing(exhausted))[0] == "429 Too Many Requests"


@pytest.mark.parametrize("path", sorted(PROBES))
def test_probes_are_answered_whoever_asks(exhausted, door, path):
    assert door.knock(bearing(exhausted), PATH_INFO=path)[0] == "200 OK"
    assert door.knock(bearing(exhausted))[0] == "429 Too Many Requests"


def test_who_is_not_known_without_asking_is_let_in(exhausted, door):
    assert door.knock(bearing(exhausted))[0] == "429 Too Many Requests"
    api_key_cache.clear()
    assert door.knock(bearing(exhausted))[0] == "200 OK"


def test_a_key_that_has_expired_meanwhile_is_let_in_to_be_told_so(exhausted, door, casino_a):
    expires_at = timezone.now() + timedelta(seconds=1)
    key = exhaust(make_key(casino_a, expires_at=expires_at).text)
    time.sleep(max((expires_at - timezone.now()).total_seconds(), 0))
    assert door.knock(bearing(key))[0] == "200 OK"
    assert door.knock(bearing(exhausted))[0] == "429 Too Many Requests"


def test_one_is_let_in_to_ask_again_after_a_while(door, casino_a):
    key = exhaust(make_key(casino_a).text)
    time.sleep(CHUNK_SECONDS)
    assert door.knock(bearing(key))[0] == "200 OK"


def test_nobody_is_refused_once_there_are_tokens(exhausted, door):
    assert door.knock(bearing(exhausted))[0] == "429 Too Many Requests"
    rate_limiter.charge(1, -1)
    assert door.knock(bearing(exhausted))[0] == "200 OK"
