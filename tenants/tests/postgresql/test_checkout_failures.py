"""Connections that break, threads that end, asyncio tasks, and an exhausted pool."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User as StaffUser
from django.db import OperationalError, close_old_connections, connections
from django.test import Client

from tenants.current_casino import CurrentCasino
from tenants.errors import NoFreeConnection
from tenants.models import Casino
from tenants.routing.connections import casino_atomic, casino_connection, connection_metrics
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import User, make_user
from tenants.tests.connection_users import backend, backend_of, execute, holding, in_thread, kill, metrics

pytestmark = pytest.mark.usefixtures("real_databases", "empty_pool")


@pytest.mark.covered
def test_connection_that_a_thread_left_open_is_checked_in_when_the_thread_ends(gamma):
    def use_and_forget() -> None:
        with use_casino(gamma):
            kept = casino_connection()
        kept.ensure_connection()
        assert metrics() == (1, 0)

    in_thread(use_and_forget)
    assert metrics() == (0, 1)


def test_transaction_that_a_thread_left_open_ends_with_the_thread(gamma):
    def lock_and_forget() -> None:
        with use_casino(gamma):
            casino_atomic().__enter__()
            execute("LOCK TABLE users")
        assert metrics() == (1, 0)

    in_thread(lock_and_forget)
    assert connection_metrics().open == 0
    with use_casino(gamma), casino_atomic():
        execute("SET LOCAL lock_timeout = '5s'")
        make_user()


def test_connection_whose_backend_died_while_idle_is_replaced_without_an_error(gamma):
    pid = backend_of(gamma)
    kill(pid)
    assert backend_of(gamma) not in (pid, None)
    assert connection_metrics().open == 1


def test_connection_whose_backend_dies_in_use_fails_once_and_is_replaced(gamma):
    with use_casino(gamma):
        kill(backend())
        with pytest.raises(OperationalError):
            User.objects.count()
    assert connection_metrics().open == 0
    assert backend_of(gamma)


def test_catalogues_connection_that_died_while_idle_is_replaced_without_an_error():
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    in_thread(lambda: kill(pid))
    close_old_connections()  # as each request does when it begins
    assert Casino.objects.count() == 0


def test_new_threads_and_executors_check_in_their_connections(gamma):
    with ThreadPoolExecutor(3) as executor:
        pids = set(executor.map(lambda _: backend_of(gamma), range(30)))
    assert len(pids) <= 3
    assert connection_metrics().in_use == 0


def test_models_async_methods_and_sync_to_async_reach_the_tasks_own_casino(gamma, delta, settings):
    async def count(casino: CurrentCasino, name: str) -> tuple[str, list[str]]:
        with use_casino(casino):
            await User.objects.acreate(**_fields_of_a_user(name))
            read = [user.name async for user in User.objects.all()]
            return await sync_to_async(current_database)(), read

    async def both() -> Any:
        try:
            return await asyncio.gather(count(gamma, "Of gamma"), count(delta, "Of delta"))
        finally:
            assert connection_metrics().in_use == 1  # there is one thread for all tasks' database work
            await sync_to_async(close_old_connections)()

    assert asyncio.run(both()) == [(gamma.db_name, ["Of gamma"]), (delta.db_name, ["Of delta"])]


def test_block_in_an_event_loop_ends_without_an_error_though_nothing_may_be_closed_there(gamma):
    async def touch() -> str:
        with use_casino(gamma):
            return casino_connection().alias

    assert asyncio.run(touch()) == gamma.alias


def current_database() -> str:
    with casino_connection().cursor() as cursor:
        cursor.execute("SELECT current_database()")
        return str(cursor.fetchone()[0])


def _fields_of_a_user(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "surname": "Lovelace",
        "birth_year": 1985,
        "currency": "EUR",
        "country": "ENGLAND",
        "gender": "FEMALE",
        "timestamp": "2030-06-01T12:00:00Z",
    }


def test_exhausted_pool_is_an_outage(gamma, delta, settings):
    settings.CASINO_CONNECTIONS, settings.CASINO_CONNECTION_WAIT_SECONDS = 1, 0.1
    with holding(gamma), pytest.raises(NoFreeConnection) as refusal, use_casino(delta):
        backend()
    assert isinstance(refusal.value, OperationalError)  # which the consumer treats as an outage
    assert backend_of(delta)


@pytest.fixture
def client_of_gamma(gamma) -> Client:
    StaffUser.objects.create_superuser("staff", password="secret")
    client = Client(headers={"Casino-ID": str(gamma.id)})
    client.login(username="staff", password="secret")
    return client


@pytest.mark.parametrize("path", ["/recommend/1", "/admin/recommendations/user/"])
def test_request_with_the_pool_exhausted_gets_503_with_retry_after(path, client_of_gamma, delta, settings, caplog):
    settings.CASINO_CONNECTIONS, settings.CASINO_CONNECTION_WAIT_SECONDS = 1, 0.1
    Casino.objects.update(recommender_type="static", recommendation_schema={"user_id": "int"})
    with holding(delta):
        busy = client_of_gamma.get(path)
    assert (busy.status_code, busy["Retry-After"]) == (503, "1")
    assert "CASINO_CONNECTIONS" in caplog.text
    assert "CASINO_CONNECTIONS" not in busy.content.decode()
    assert client_of_gamma.get(path).status_code in (200, 404)
