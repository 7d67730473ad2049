"""Limits over HTTP: requests per second, bytes, requests at once."""

import threading
from base64 import b64encode
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from tenants.access.limits import BYTES_PER_REQUEST, Slots, rate_limiter, slots
from tenants.errors import TooManyAtOnce
from tenants.models import Casino
from tenants.tests.api_clients import ask, bearing, make_key
from tenants.tests.commands import run

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def limited(settings, casino_a, casino_b):
    settings.RECSYS_OPEN_API = False
    settings.API_REQUESTS_PER_SECOND = 2


@pytest.fixture
def open_installation(settings):
    settings.RECSYS_OPEN_API = True


def _in_turn(ask_once, count=8):
    """The responses to `count` requests, during which the buckets do not fill."""
    answers = []
    for _ in range(count):
        answers.append(ask_once())
        with connection.cursor() as cursor:
            cursor.execute("UPDATE rate_buckets SET filled_at = clock_timestamp() + interval '1 hour'")
    return answers


def _statuses(key, count=8):
    return [answer.status_code for answer in _in_turn(partial(ask, key), count)]


def test_exceeded_rate_gets_429_with_retry_after(casino_a):
    key = make_key(casino_a).text
    assert 400 in _statuses(key)
    answer = ask(key)
    assert answer.status_code == 429
    assert answer["Retry-After"] == "1"
    assert answer.json() == {
        "error": "Too many requests; Retry-After says when to try again",
        "code": "rate_limited",
        "details": {"retry_after": 1},
    }


def test_all_keys_of_a_casino_share_its_limit_and_other_casinos_have_theirs(casino_a, casino_b):
    _statuses(make_key(casino_a).text)
    assert ask(make_key(casino_a).text).status_code == 429
    assert ask(make_key(casino_b).text).status_code == 400


def test_casino_may_have_a_limit_of_its_own(casino_a, casino_b):
    Casino.objects.filter(pk=1).update(request_rate=0)
    Casino.objects.filter(pk=2).update(request_rate=1)
    assert set(_statuses(make_key(casino_a).text, 20)) == {400}
    assert 429 in _statuses(make_key(casino_b).text, 4)


def test_rate_limit_holds_in_an_open_installation(open_installation):
    answers = _in_turn(lambda: Client().get("/config", headers={"Casino-ID": "1"}))
    assert (answers[0].status_code, answers[-1].status_code) == (400, 429)
    assert answers[-1]["Retry-After"] == "1"
    assert answers[-1].json()["code"] == "rate_limited"


def test_wrong_key_uses_no_tokens(casino_a):
    key = make_key(casino_a).text
    _statuses(key[:-1] + "-", 20)
    assert ask(key).status_code == 400


def test_batch_counts_as_one_request_per_user(casino_a, settings):
    settings.API_REQUESTS_PER_SECOND = 100
    Casino.objects.update(
        recommender_type="static", recommendation_schema={"id": {"type": "int", "source_field": "id"}}
    )
    headers = bearing(make_key(casino_a).text)
    body = {"user_ids": list(range(1, 401))}
    assert Client().post("/recommend", body, content_type="application/json", headers=headers).status_code == 200
    assert Client().get("/recommend/1", headers=headers).status_code == 429


def test_empty_batch_counts_as_one_request(casino_a):
    headers = bearing(make_key(casino_a).text)
    post = partial(Client().post, "/recommend", {"user_ids": []}, content_type="application/json", headers=headers)
    asked = [answer.status_code for answer in _in_turn(post)]
    assert asked == [400] * 4 + [429] * 4


@pytest.mark.parametrize("own", [None, 100])
def test_too_large_body_is_refused_unread(casino_a, settings, own):
    settings.API_REQUEST_BYTES = 100 if own is None else 10_000
    settings.API_REQUESTS_PER_SECOND = 0
    Casino.objects.update(request_bytes=own)
    headers = bearing(make_key(casino_a).text)
    small, large = ('{"recommender_type": "' + "x" * size + '"}' for size in (10, 100))
    post = partial(Client().post, "/config", content_type="application/json", headers=headers)
    assert post(data=small).status_code == 400
    answer = post(data=large)
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
    assert "100 bytes" in answer.json()["error"]


def test_too_large_body_is_refused_in_an_open_installation(open_installation, settings):
    settings.API_REQUEST_BYTES = 10
    answer = Client().post(
        "/config", {"recommender_type": "static"}, content_type="application/json", headers={"Casino-ID": "1"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("text", ["", "-1", "many", "٣", "9" * 30])
def test_content_length_that_is_no_number_counts_as_zero(casino_a, settings, text):
    settings.API_REQUEST_BYTES = 10
    key = make_key(casino_a).text
    assert Client().get("/config", headers=bearing(key), CONTENT_LENGTH=text).status_code in (200, 400)


def test_one_casino_does_not_take_all_threads(casino_a, casino_b, settings):
    settings.API_REQUESTS_AT_ONCE, settings.API_REQUESTS_PER_SECOND = 2, 0
    key, other = make_key(casino_a).text, make_key(casino_b).text
    for _ in range(2):
        slots.take(1)
    answer = ask(key)
    assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    assert answer.json()["code"] == "too_many_at_once"
    assert ask(other).status_code == 400
    for _ in range(2):
        slots.release(1)
    assert ask(key).status_code == 400


@pytest.mark.parametrize("path", ["/config", "/nothing", "/recommend/none", "/fails"])
def test_slot_is_released_after_any_response(casino_a, settings, path):
    settings.ROOT_URLCONF = "recsys_project.tests.failing_views"
    settings.API_REQUESTS_AT_ONCE, settings.API_REQUESTS_PER_SECOND = 1, 0
    headers = bearing(make_key(casino_a).text)
    client = Client(raise_request_exception=False)
    statuses = [client.get(path, headers=headers).status_code for _ in range(3)]
    assert len(set(statuses)) == 1
    assert 429 not in statuses


def test_slots_are_counted_correctly_under_threads(settings):
    settings.API_REQUESTS_AT_ONCE = 3
    counted, together, most = Slots(), threading.Barrier(3, timeout=120), []

    def work():
        counted.take(1)
        together.wait()
        try:
            counted.take(1)
        except TooManyAtOnce:
            most.append(3)
        together.wait()
        counted.release(1)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [3, 3, 3]
    assert not counted._taken


def test_command_sets_limits(casino_a):
    answer = run("casino", "limit", 1, "--rate", 50, "--bytes", 0)
    assert answer.out.strip() == "Alpha (casino 1): 50 requests a second, unlimited bytes per request."
    assert run("casino", "limit", 1, "--rate", "default", "--json").document == {
        "id": 1,
        "request_rate": None,
        "request_bytes": 0,
    }


def test_admin_sets_limits(admin_client):
    url = reverse("admin:tenants_casino_change", args=[1])
    admin_client.post(url, {"name": "Alpha", "request_rate": "7", "request_bytes": ""})
    assert Casino.objects.values_list("request_rate", "request_bytes").get(pk=1) == (7, None)


def test_requests_refused_for_their_csrf_token_use_no_tokens_of_the_casino(casino_a):
    staff = Client(enforce_csrf_checks=True)
    staff.force_login(User.objects.create_superuser("ann", password="x"))
    posts = [staff.post("/config", {}, "application/json", headers={"Casino-ID": "1"}) for _ in range(12)]
    assert {answer.status_code for answer in posts} == {403}
    assert ask(make_key(casino_a).text).status_code == 400


@pytest.mark.covered
def test_staff_without_permission_uses_no_tokens_of_the_casino(casino_a):
    User.objects.create_user("ann", password="x", is_staff=True)
    headers = {"Casino-ID": "1", "Authorization": f"Basic {b64encode(b'ann:x').decode()}"}
    answers = [Client().get("/recommend/1", headers=headers) for _ in range(12)]
    assert {answer.status_code for answer in answers} == {403}
    assert ask(make_key(casino_a).text).status_code == 400


def test_switched_off_test_endpoints_use_no_tokens_of_the_casino(casino_a, settings, open_installation):
    settings.RECSYS_TEST_ENDPOINTS = False
    answers = [Client().get("/purchase/1", headers={"Casino-ID": "1"}) for _ in range(12)]
    assert {answer.status_code for answer in answers} == {404}
    assert ask(make_key(casino_a).text).status_code == 400


def test_a_large_body_counts_as_several_requests(casino_a, settings):
    settings.API_REQUESTS_PER_SECOND = 1_000
    headers = bearing(make_key(casino_a).text)
    before = []
    for body in ("{}", '{"user_ids": [' + "1," * 100_000 + "1]}"):
        before.append(rate_limiter._tokens[casino_a.pk].count)
        Client().post("/recommend", body, content_type="application/json", headers=headers)
    before.append(rate_limiter._tokens[casino_a.pk].count)
    assert before[1] - before[2] == 1 + 200_016 // BYTES_PER_REQUEST
