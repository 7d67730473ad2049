"""Wrong passwords are limited by address and by login name, over HTTP and in the admin's form."""

import threading
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import Client

from tenants.access import login_limits
from tenants.access.login_limits import (
    CONCURRENT_CHECKS,
    TRIES_OF_ADDRESS,
    TRIES_OF_NAME,
    LoginLimiter,
    client_address,
    login_limiter,
)
from tenants.errors import LoginsLimited
from tenants.tests.waiting import wait_until


@pytest.fixture
def limiter():
    return LoginLimiter()


def fail(limiter, name, address, times=1):
    for _ in range(times):
        with limiter.checking(name, address):
            pass


def succeed(limiter, name, address):
    with limiter.checking(name, address) as attempt:
        attempt.is_valid = True


def test_an_address_has_a_limited_number_of_tries(limiter):
    for number in range(TRIES_OF_ADDRESS):
        fail(limiter, f"name{number}", "10.0.0.1")
    with pytest.raises(LoginsLimited) as error:
        fail(limiter, "another", "10.0.0.1")
    assert 0 < (error.value.retry_after or 0) <= login_limits.SECONDS_OF_TRY
    fail(limiter, "another", "10.0.0.2")


def test_a_name_has_a_limited_number_of_tries_over_all_addresses(limiter):
    for number in range(TRIES_OF_NAME):
        fail(limiter, "ada" if number % 2 else "ADA", f"10.0.0.{number}")
    with pytest.raises(LoginsLimited):
        fail(limiter, "ada", "10.0.1.1")
    fail(limiter, "bob", "10.0.1.1")


def test_nobody_is_locked_out_where_they_have_logged_in(limiter):
    succeed(limiter, "ada", "10.0.0.1")
    for number in range(TRIES_OF_NAME):
        fail(limiter, "ada", f"10.0.1.{number}")
    with pytest.raises(LoginsLimited):
        succeed(limiter, "ada", "10.0.2.2")
    succeed(limiter, "ada", "10.0.0.1")
    for number in range(TRIES_OF_ADDRESS):
        fail(limiter, f"name{number}", "10.0.0.1")
    succeed(limiter, "ada", "10.0.0.1")
    fail(limiter, "ada", "10.0.0.1", TRIES_OF_ADDRESS)
    with pytest.raises(LoginsLimited):
        succeed(limiter, "ada", "10.0.0.1")


def test_a_check_that_fails_with_an_error_is_no_wrong_password(limiter):
    for _ in range(2 * TRIES_OF_ADDRESS):
        with pytest.raises(OSError, match="outage"), limiter.checking("ada", "10.0.0.1"):
            raise OSError("outage")
    succeed(limiter, "ada", "10.0.0.1")


def test_right_passwords_at_the_same_time_wait_for_each_other(limiter):
    with ThreadPoolExecutor() as pool:
        with limiter.checking("ada", "10.0.0.1") as attempt:
            waiting = [pool.submit(succeed, limiter, name, "10.0.0.1") for name in ("bob", "eve")]
            wait_until(lambda: limiter._waiting == 2)
            with pytest.raises(LoginsLimited):
                succeed(limiter, "cid", "10.0.0.1")
            attempt.is_valid = True
        assert [each.result(30) for each in waiting] == [None, None]


def test_right_passwords_are_not_counted(limiter):
    for _ in range(3 * TRIES_OF_NAME):
        succeed(limiter, "ada", "10.0.0.1")


def test_tries_come_back(limiter, monkeypatch):
    fail(limiter, "ada", "10.0.0.1", TRIES_OF_ADDRESS)
    later = time.monotonic() + login_limits.SECONDS_OF_TRY
    monkeypatch.setattr("time.monotonic", lambda: later)
    fail(limiter, "ada", "10.0.0.1")
    with pytest.raises(LoginsLimited):
        fail(limiter, "ada", "10.0.0.1")


def test_a_flood_leaves_threads_to_others(limiter, monkeypatch):
    monkeypatch.setattr(login_limits, "WAIT_SECONDS", 0.01)
    checks = [limiter.checking(f"name{number}", f"10.0.0.{number}") for number in range(CONCURRENT_CHECKS)]
    for check in checks:
        check.__enter__()
    with pytest.raises(LoginsLimited):
        succeed(limiter, "ada", "10.0.1.1")
    limiter._known["bob", "10.0.1.2"] = None
    succeed(limiter, "bob", "10.0.1.2")
    for check in checks:
        check.__exit__(None, None, None)
    succeed(limiter, "ada", "10.0.1.1")


def test_memory_is_bounded(limiter, monkeypatch):
    monkeypatch.setattr(login_limits, "_MAX_ENTRIES", 50)
    limiter.reset()
    for number in range(200):
        succeed(limiter, f"name{number}", f"10.0.0.{number}")
    assert (len(limiter._failures), len(limiter._known)) == (50, 50)


def test_threads_together_have_no_more_tries(limiter):
    admitted = []

    def attempt():
        for _ in range(20):
            try:
                fail(limiter, "ada", "10.0.0.1")
            except LoginsLimited:
                continue
            admitted.append(1)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) <= TRIES_OF_ADDRESS


@pytest.mark.parametrize(
    ("is_behind_proxy", "forwarded", "address"),
    [
        (False, "1.1.1.1", "9.9.9.9"),
        (True, "1.1.1.1, 2.2.2.2", "2.2.2.2"),
        (True, "", "9.9.9.9"),
        (True, "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
    ],
)
def test_the_address_is_the_one_that_the_trusted_proxy_added(settings, is_behind_proxy, forwarded, address):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if is_behind_proxy else None
    assert client_address({"HTTP_X_FORWARDED_FOR": forwarded, "REMOTE_ADDR": "9.9.9.9"}) == address


@pytest.fixture
def staff(django_user_model, settings, casino_a):
    """Staff with a quickly checked password: the hasher's cost is not tested."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.RECSYS_OPEN_API = False
    return django_user_model.objects.create_superuser("ada", password="right")


def ask_basic(name, password):
    token = b64encode(f"{name}:{password}".encode()).decode()
    return Client().get("/config", headers={"Casino-ID": "1", "Authorization": f"Basic {token}"})


def test_wrong_passwords_at_the_api_get_429(staff):
    answers = [ask_basic("ada", "wrong") for _ in range(TRIES_OF_ADDRESS + 1)]
    assert [each.status_code for each in answers] == [401] * TRIES_OF_ADDRESS + [429]
    assert answers[-1].json()["code"] == "logins_limited"
    assert int(answers[-1]["Retry-After"]) >= 1
    assert ask_basic("ada", "right").status_code == 429  # or the right one could be found


def test_wrong_passwords_in_the_form_get_429(staff):
    client = Client()
    form = {"username": "ada", "password": "wrong"}
    answers = [client.post("/admin/login/", form) for _ in range(TRIES_OF_ADDRESS + 1)]
    assert [each.status_code for each in answers] == [200] * TRIES_OF_ADDRESS + [429]
    assert int(answers[-1]["Retry-After"]) >= 1
    login_limiter.reset()
    assert client.post("/admin/login/", {"username": "ada", "password": "right"}).status_code == 302


def test_a_limited_try_checks_no_password(staff, monkeypatch):
    for _ in range(TRIES_OF_ADDRESS):
        ask_basic("ada", "wrong")
    monkeypatch.setattr("django.contrib.auth.hashers.MD5PasswordHasher.verify", None)
    assert ask_basic("ada", "wrong").status_code == 429
