"""The id of a request, and its lines in the log."""

import logging

import pytest
from django.db import connections
from django.test import Client

from tenants.routing.context import use_casino


def test_each_request_gets_an_id_of_its_own(ask):
    first, second = ask("/config")["X-Request-ID"], ask("/config")["X-Request-ID"]
    assert first != second
    assert len(first) == len(second) == 32


def test_id_of_a_proxy_is_kept(ask):
    assert ask("/config", **{"X-Request-ID": "edge-42.a_B"})["X-Request-ID"] == "edge-42.a_B"


@pytest.mark.parametrize("given", ["", "two words", "a" * 65, 'x"}{"forged": 1', "ünï"])
def test_id_that_is_unfit_for_a_log_is_replaced(ask, given):
    assert len(ask("/config", **{"X-Request-ID": given})["X-Request-ID"]) == 32


def test_each_request_is_one_line_with_its_route_status_time_and_casino(ask, configured, log):
    answer = ask("/config")
    [line] = [line for line in log.objects if line["logger"] == "access"]
    assert (line["method"], line["route"], line["status"], line["casino"]) == ("GET", "/config", 200, configured.pk)
    assert line["request_id"] == answer["X-Request-ID"]
    assert 0 < line["seconds"] < 60


def test_access_log_can_be_switched_off(ask, log, settings):
    settings.ACCESS_LOG = False
    ask("/config")
    assert not [line for line in log.objects if line["logger"] == "access"]


def test_log_lines_of_a_request_have_its_id_and_route(ask, configured, log):
    answer = ask("/recommend/1")
    assert answer.status_code == 404
    [line] = [line for line in log.objects if line["logger"] == "django.request"]
    assert line["request_id"] == answer["X-Request-ID"]
    assert line["message"] == "Not Found: /recommend/<path:user_id>"


@pytest.mark.covered
@pytest.mark.parametrize("log", ["json", "line"], indirect=True)
@pytest.mark.parametrize(
    "path",
    [
        *("/recommend/{}", "/recommend/{}?limit=2", "/recommend/{}?limit=x", "/nobody/{}", "/nobody/{}?a=é"),
        *("/recommend/{}%0AFAKE", "/nobody/{}%0D%0AFAKE", "/nobody/{}%C3%A9", "/nobody/{}%5Cn", "/nobody/{}%00"),
    ],
)
def test_no_line_names_a_user(ask, configured, user_id, log, path):
    ask(path.format(user_id))
    ask(path.format(user_id + 1))
    assert log.text
    assert "86753" not in log.text
    assert "FAKE" not in log.text


def test_error_line_has_the_request_id_of_the_response(configured, user_id, log):
    def fail(*_):
        raise RuntimeError("broken")

    with connections["casino_1"].execute_wrapper(fail):
        answer = Client(raise_request_exception=False).get(f"/recommend/{user_id}", headers={"Casino-ID": "1"})
    assert answer.status_code == 500
    [line] = [line for line in log.objects if line["level"] == "ERROR"]
    assert line["request_id"] == answer["X-Request-ID"]
    assert "RuntimeError: broken" in line["exc_info"]
    assert "86753" not in log.text


def test_line_outside_requests_has_the_current_casino(casino_a, log):
    with use_casino(casino_a.current):
        logging.getLogger("ingestion").info("stored")
        logging.getLogger("ingestion").info("of another", extra={"casino": 7})
    logging.getLogger("ingestion").info("of none")
    assert [line.get("casino") for line in log.objects] == [casino_a.pk, 7, None]
