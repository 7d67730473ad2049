"""The last use of a key is recorded, without delaying a request."""

import time

import pytest
from django.db import connection

from tenants.access.key_usage import KeyUsage, key_usage
from tenants.lifecycle.create import create_casino
from tenants.models import ApiKey
from tenants.tests.api_clients import ask, make_key
from tenants.tests.unstartable_threads import no_new_threads
from tenants.tests.waiting import require_quick


@pytest.fixture
def key(real_databases, settings):
    settings.RECSYS_OPEN_API, settings.API_KEY_USE_SECONDS = False, 60
    return make_key(create_casino("Gamma"))


def _last_use(key):
    return ApiKey.objects.get(pk=key.row.pk).last_used_at


def test_use_is_recorded_once_per_interval(key):
    ask(key.text)
    key_usage.wait()
    first = _last_use(key)
    assert first is not None
    ask(key.text)
    key_usage.wait()
    assert _last_use(key) == first


def test_use_is_recorded_again_after_the_interval(key, settings):
    settings.API_KEY_USE_SECONDS = 0.05
    uses = KeyUsage()
    uses.record(key.row.pk)
    uses.wait()
    first = _last_use(key)
    time.sleep(0.06)
    uses.record(key.row.pk)
    uses.wait()
    assert _last_use(key) > first


def test_use_is_recorded_once_threads_can_be_started_again(key, settings):
    settings.API_KEY_USE_SECONDS = 0.01
    uses = KeyUsage()
    with no_new_threads(), pytest.raises(RuntimeError):
        uses.record(key.row.pk)
    time.sleep(0.02)
    uses.record(key.row.pk)
    uses.wait()
    assert _last_use(key) is not None


def test_use_of_a_wrong_key_is_not_recorded(key):
    ask(key.text[:-1] + "-")
    key_usage.wait()
    assert _last_use(key) is None


def test_response_does_not_wait_for_a_locked_row(key):
    ask(key.text)
    key_usage.wait()
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT FROM api_keys FOR UPDATE")

        def request() -> None:
            key_usage.reset()
            assert ask(key.text).status_code == 400

        require_quick(request, 1)
        cursor.execute("COMMIT")
    key_usage.wait()


def test_failed_write_is_logged_and_does_not_fail_the_request(key, caplog):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE api_keys RENAME COLUMN last_used_at TO elsewhere")
    try:
        uses = KeyUsage()
        uses.record(key.row.pk)
        uses.wait()
        assert "could not be stored" in caplog.text
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE api_keys RENAME COLUMN elsewhere TO last_used_at")
    uses.reset()
    uses.record(key.row.pk)
    uses.wait()
    assert _last_use(key) is not None
