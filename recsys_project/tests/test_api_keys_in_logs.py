"""Keys appear in no log, report or page, not even after errors."""

import logging

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils.log import AdminEmailHandler

from tenants.access.api_keys import revoke_key
from tenants.tests.api_clients import UNKNOWN_KEY, bearing, make_expired_key, make_key
from tenants.tests.commands import run

pytestmark = pytest.mark.covered

PATHS = ["/config", "/recommend/1", "/nothing", "/fails", "/fails/page", "/admin/", "/casino/"]


@pytest.fixture(autouse=True)
def debug_logs(settings, caplog, casino_a):
    """An installation with all logs and mails on."""
    settings.RECSYS_OPEN_API = False
    settings.ROOT_URLCONF = "recsys_project.tests.failing_views"
    settings.ADMINS = [("Ada", "ada@example.com")]
    logger, reporter = logging.getLogger("django"), AdminEmailHandler(include_html=True)
    reporter.setLevel(logging.ERROR)
    logger.addHandler(reporter)
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "django")
    connection.force_debug_cursor = True
    yield
    connection.force_debug_cursor = False
    logger.removeHandler(reporter)


def _everything(caplog, answer):
    formatter = logging.Formatter("%(message)s %(args)s")
    logged = "\n".join(f"{formatter.format(record)} {vars(record)}" for record in caplog.records)
    mailed = "\n".join(str(message.message()) for message in mail.outbox)
    return logged + mailed + answer.content.decode() + str(answer.headers)


@pytest.mark.no_cover
@pytest.mark.parametrize("is_debug", [False, True])
@pytest.mark.parametrize("path", PATHS)
def test_no_key_is_in_any_log_report_or_page(casino_a, settings, caplog, path, is_debug):
    settings.DEBUG = is_debug
    revoked = make_key(casino_a)
    revoke_key(revoked.row)
    for text in (make_key(casino_a).text, make_expired_key(casino_a).text, revoked.text, UNKNOWN_KEY):
        for casino_id in ("1", "2"):
            headers = bearing(text, **{"Casino-ID": casino_id})
            answer = Client(raise_request_exception=False).get(path, headers=headers)
            assert text[20:] not in _everything(caplog, answer)


def test_checked_logs_contain_the_failure(casino_a, settings, caplog):
    headers = bearing(make_key(casino_a).text)
    answer = Client(raise_request_exception=False).get("/fails", headers=headers)
    everything = _everything(caplog, answer)
    assert answer.status_code == 500
    assert "ZeroDivisionError" in everything
    assert "api_keys" in everything
    assert "HTTP_AUTHORIZATION" in everything


def test_commands_log_no_key(casino_a, caplog):
    created = run("api_key", "create", 1, "back end", "--json").document
    rotated = run("api_key", "rotate", created["prefix"], "--json").document
    logged = "\n".join(str(vars(record)) for record in caplog.records)
    assert "api_keys" in logged
    for each in (created, rotated):
        assert each["key"][20:] not in logged
