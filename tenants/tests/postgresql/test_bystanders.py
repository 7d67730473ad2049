"""One casino's database, or one server, hangs: the other casinos' requests and the probes still get responses."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from typing import Any

import psycopg
import pytest
from django.conf import settings

from tenants.tests import fast_postgresql
from tenants.tests.frozen_server import frozen
from tenants.tests.server_process import (
    SERVER_APART,
    environment,
    gunicorn,
    needs_embedded,
    run_python,
    url_by_socket,
)
from tenants.tests.waiting import require_quick, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive, pytest.mark.no_cover, needs_embedded]

DISTANT_DIR = settings.LOCAL_DIR / "postgres-distant"
BUILD = """
import django
django.setup()
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import create_casino, store_casinos
from tenants.models import Casino, DatabaseServer
ensure_catalogue()
near = store_casinos(["Gamma", "Delta", "Epsilon"])
DatabaseServer.objects.get_or_create(name="distant")
far = [Casino.objects.filter(name=name).first() or create_casino(name, server="distant") for name in ("Far", "Farther")]
DatabaseServer.objects.filter(name="distant").update(state="closed")  # to further casinos
Casino.objects.update(recommender_type="static", recommendation_schema={"recommended_events": "list"})
print(*[f"{casino.pk}:{casino.db_name}" for casino in near + far])
"""
THREADS, CLIENTS = 8, 9  # of the server; of each casino that hangs
EXPECTED = {(503, "database_unavailable"), (404, "user_not_found"), (429, "too_many_at_once")}
WATCHED_SECONDS = 5.0
SLOW = 4.0  # seconds, on a busy machine; a request that waits for a thread would wait until the attack's end


class Service:
    """A web server with one process, three casinos on one database server, and two on another one."""

    def __init__(self, port: int, casinos: list[tuple[int, str]], near_socket: str) -> None:
        self.port = port
        self.locked, self.innocent, self.distant = casinos[:2], casinos[2][0], [each for each, _ in casinos[3:]]
        self._near_socket = near_socket

    @contextmanager
    def users_locked(self) -> Iterator[None]:
        with ExitStack() as sessions:
            for _, db_name in self.locked:
                session = psycopg.connect(host=self._near_socket, user="postgres", dbname=db_name)
                sessions.enter_context(session).execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
            yield

    def ask(self, path: str, casino_id: int | None = None) -> tuple[int, dict[str, str], Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET", path, headers={"Casino-ID": str(casino_id)} if casino_id else {})
            response = connection.getresponse()
            return response.status, dict(response.headers), json.loads(response.read())
        finally:
            connection.close()

    @contextmanager
    def asked_for(self, casino_ids: list[int]) -> Iterator[list[tuple[int, str]]]:
        """Clients send requests to these casinos. Yields the status and code of each response."""
        stop, answers = threading.Event(), list[tuple[int, str]]()

        def ask_on(casino_id: int) -> None:
            while not stop.wait(0.1):
                status, headers, body = self.ask("/recommend/1", casino_id)
                assert status != 503 or headers["Retry-After"] == "1"
                answers.append((status, body["code"]))

        with ThreadPoolExecutor(2 * CLIENTS) as clients:
            done = [clients.submit(ask_on, casino_id) for casino_id in casino_ids * CLIENTS]
            try:
                yield answers
            finally:
                stop.set()
        for each in done:
            each.result()

    def _require(self, path: str, casino_id: int | None, status: int) -> None:
        assert self.ask(path, casino_id)[0] == status, path

    def require_the_others_answered(self) -> None:
        end = time.monotonic() + WATCHED_SECONDS
        while time.monotonic() < end:
            for path, casino_id, expected in (
                ("/recommend/1", self.innocent, 404),  # no such user: the database was queried
                ("/health/live", None, 200),
                ("/health/ready", None, 200),
            ):
                require_quick(partial(self._require, path, casino_id, expected), SLOW)
            time.sleep(0.1)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    near, distant = fast_postgresql.ensure_running(SERVER_APART), fast_postgresql.ensure_running(DISTANT_DIR)
    env = environment(
        url_by_socket(near, "recommendation_system"),
        DATABASE_SERVER_DISTANT_URL=url_by_socket(distant, "postgres"),
        PUBLISH_RECOMMENDATIONS="0",
    )
    casinos = [
        (int(number), name) for number, name in (each.split(":") for each in run_python("-c", BUILD, env=env).split())
    ]
    options = ("--worker-class", "gthread", "--workers", "1", "--threads", str(THREADS))
    with gunicorn(*options, env=env) as (port, _):
        yield Service(port, casinos, near)


def test_two_locked_casinos_stop_nobody_else(service):
    locked = [casino_id for casino_id, _ in service.locked]
    with service.users_locked(), service.asked_for(locked) as answers:
        time.sleep(2)
        service.require_the_others_answered()
    assert set(answers) <= EXPECTED
    assert (503, "database_unavailable") in answers
    for casino_id in locked:
        wait_until(lambda: service.ask("/recommend/1", casino_id)[0] == 404)  # noqa: B023 (called at once)


def test_hung_server_stops_nobody_on_another_and_readiness_tells(service):
    with service.asked_for(service.distant) as answers:
        wait_until(lambda: (404, "user_not_found") in answers)  # its connections are open
        with frozen(DISTANT_DIR):
            time.sleep(2)
            service.require_the_others_answered()
            answer = service.ask("/health/ready")
        assert (answer[0], answer[2]["status"]) == (200, "degraded")
        assert answer[2]["database_servers"] == "no answer from distant"
        wait_until(lambda: answers[-1] == (404, "user_not_found"))
    assert set(answers) <= EXPECTED
    assert (503, "database_unavailable") in answers
    wait_until(lambda: service.ask("/health/ready")[2]["database_servers"] == "ok")


def test_hung_catalogue_answers_503_in_time_and_all_is_well_after_it(service):
    with frozen(SERVER_APART):
        began = time.monotonic()
        assert service.ask("/recommend/1", service.innocent)[0] == 503
        assert service.ask("/health/ready")[0] == 503
        assert service.ask("/health/live")[0] == 200
        assert time.monotonic() - began < 60
    wait_until(lambda: service.ask("/health/ready")[0] == 200)
    wait_until(lambda: service.ask("/recommend/1", service.innocent)[0] == 404)
