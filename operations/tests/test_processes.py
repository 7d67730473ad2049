"""Several processes behind one port: their metrics and their shutdown."""

import contextlib
import http.client
import json
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
import pytest
from django.conf import settings

from tenants.tests import fast_postgresql
from tenants.tests.server_process import (
    SERVER_APART,
    ask,
    build_casinos,
    environment,
    granian,
    needs_embedded,
    run_python,
    url_by_socket,
)
from tenants.tests.waiting import wait_until

pytestmark = [pytest.mark.slow, needs_embedded]
GAUGE = """
import os, sys
from operations.metrics import CONNECTIONS, REQUESTS
CONNECTIONS.labels("in_use").set(5)
REQUESTS.labels("GET", "/config", "200", "7").inc(3)
"""


@pytest.fixture(scope="module")
def catalogue() -> tuple[str, list[int]]:
    folder = fast_postgresql.ensure_running(SERVER_APART)
    url = url_by_socket(folder, "recommendation_system")
    return url, build_casinos(environment(url))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the processes' metrics."""
    return tmp_path_factory.mktemp("metrics")


@pytest.fixture(scope="module")
def port(catalogue: tuple[str, list[int]], folder: Path) -> Iterator[int]:
    """Of two workers, which started after another process had ended."""
    env = environment(catalogue[0], PROMETHEUS_MULTIPROC_DIR=str(folder), CATALOGUE_LEASE_SECONDS="2")
    run_python("-c", f"import django; django.setup(){GAUGE}", env=env)
    with granian(env) as (port, _):
        yield port


def metric(text: str, name: str, **labels: str) -> float:
    """The sum of the samples with these labels."""
    samples = re.findall(rf"^{name}\{{(.*)\}} (\S+)$", text, re.MULTILINE)
    pairs = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(float(value) for found, value in samples if all(each in found for each in pairs))


def read_metrics(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def workers_that_answered(folder: Path) -> list[Path]:
    """One file for each. That of a starting worker, which ignores signals, has no duration of a request yet."""
    return [file for file in folder.glob("histogram_*.db") if b"recsys_request_seconds" in file.read_bytes()]


@pytest.mark.exhaustive
def test_any_process_answers_for_all(catalogue, folder, port):
    _, [casino_id, _] = catalogue
    before, asked = config_requests(port, casino_id), 0  # another test may have asked
    while len(workers_that_answered(folder)) < 2 or asked < 40:
        assert ask(port, "/config", casino_id)[0] == 200
        asked += 1
        assert asked < 20_000, "one worker only answers"
    for _ in range(10):
        assert config_requests(port, casino_id) == (before[0] + asked, before[1] + asked)


def config_requests(port: int, casino_id: int) -> tuple[float, float]:
    """As counted for the casino, and by their durations."""
    text = read_metrics(port)
    counted = metric(text, "recsys_requests_total", route="/config", status="200", casino=str(casino_id))
    return counted, metric(text, "recsys_request_seconds_count", route="/config")


@pytest.mark.exhaustive
def test_ended_process_keeps_its_counters_and_loses_its_gauges(port):
    text = read_metrics(port)
    assert metric(text, "recsys_requests_total", casino="7") == 3
    assert metric(text, "recsys_casino_connections", state="in_use") <= 2  # one of each worker; it had 5


@pytest.mark.exhaustive
def test_configuration_is_confirmed_once_all_processes_use_it(catalogue, port):
    _, [casino_id, _] = catalogue
    for recommender in ("static", "soonest"):
        for _ in range(10):  # until all have the casino in their caches
            ask(port, "/config", casino_id)
        began = time.monotonic()
        with contextlib.closing(send_configuration(port, casino_id, recommender)) as post:
            assert post.getresponse().status == 200
        assert time.monotonic() - began >= 2
        assert {recommender_of(port, casino_id) for _ in range(30)} == {recommender}


def send_configuration(port: int, casino_id: int, recommender: str) -> http.client.HTTPConnection:
    """Send a POST, and don't wait for its response."""
    body = {"recommender_type": recommender, "recommendation_schema": {"recommended_events": "list"}}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Casino-ID": str(casino_id), "Content-Type": "application/json"}
    connection.request("POST", "/config", json.dumps(body), headers)
    return connection


@pytest.mark.exhaustive
def test_configurations_that_wait_for_all_processes_hold_up_nobody(catalogue, tmp_path):
    url, [casino_id, other_id] = catalogue
    limits = {"API_REQUESTS_AT_ONCE": "0", "WEB_QUEUE_SECONDS": "60"}
    env = environment(url, CATALOGUE_LEASE_SECONDS="3600", PROMETHEUS_MULTIPROC_DIR=str(tmp_path), **limits)
    with granian(env) as (port, process), contextlib.ExitStack() as stack:  # two workers of four threads
        stack.callback(kill_with_workers, process)  # they would wait for the responses
        posts = [send_configuration(port, casino_id, "soonest") for _ in range(16)]
        for post in posts:
            stack.callback(post.close)
        labels = {"method": "POST", "route": "/config", "status": "200"}
        wait_until(lambda: metric(read_metrics(port), "recsys_requests_total", **labels) == 16)
        for _ in range(10):
            assert ask(port, "/config", other_id)[0] == 200
        assert select.select([post.sock for post in posts], [], [], 0)[0] == []  # none has its response


def kill_with_workers(process: "subprocess.Popen[bytes]") -> None:
    workers = psutil.Process(process.pid).children()
    process.kill()  # or it would replace its workers
    for worker in workers:
        worker.kill()


def recommender_of(port: int, casino_id: int) -> object:
    url = f"http://127.0.0.1:{port}/config"
    with urlopen(Request(url, headers={"Casino-ID": str(casino_id)}), timeout=120) as response:
        return json.load(response)["recommender_type"]


_REQUESTS, _PAUSE = 20, 0.05  # seconds between two: at full speed, they alone would keep the machine busy
_IN_USE = settings.WEB_DRAIN_SECONDS / 2  # seconds without a request; a busy server may read it as much later


class Traffic:
    """Sends requests from several threads until stopped, some on each kept-alive connection."""

    def __init__(self, port: int, casino_id: int) -> None:
        self.failures: list[str] = []
        self.closed = 0  # connections that the server closed in order
        self.pause = _PAUSE
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(port, casino_id)) for _ in range(6)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, port: int, casino_id: int) -> None:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
            while not self._stop.is_set():
                answered_at = None
                for _ in range(_REQUESTS):
                    answered_at = self._ask(connection, casino_id, answered_at)
                connection.close()  # so that each worker gets some

    def _ask(self, connection: http.client.HTTPConnection, casino_id: int, answered_at: float | None) -> float | None:
        """The time of the response, if the connection is kept. A connection that was idle may be closed at any time,
        and the kernel resets a new one that no worker has accepted."""
        is_in_use = answered_at is not None and time.monotonic() - answered_at < _IN_USE
        try:
            connection.request("GET", "/config", headers={"Casino-ID": str(casino_id)})
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if is_in_use or not isinstance(error, ConnectionError):
                self.failures.append(f"{error!r} on a {'kept' if is_in_use else 'new or idle'} connection")
            time.sleep(0.01)  # nobody listens, perhaps
            return None
        answered_at = time.monotonic()
        self.closed += response.will_close
        if response.status != 200:
            self.failures.append(str(response.status))
        time.sleep(self.pause)
        return None if response.will_close else answered_at


def wait_for_workers(folder: Path, count: int) -> None:
    """Wait for this number of responses."""
    otherwise = f"{count} workers have not answered"
    wait_until(lambda: len(workers_that_answered(folder)) >= count, else_say=otherwise)


@pytest.mark.exhaustive
def test_workers_are_replaced_and_the_server_stops_without_losing_a_request(catalogue, tmp_path):
    url, [casino_id, _] = catalogue
    env = environment(url, PROMETHEUS_MULTIPROC_DIR=str(tmp_path), API_REQUESTS_PER_SECOND="0")
    with granian(env) as (port, process), Traffic(port, casino_id) as traffic:
        wait_for_workers(tmp_path, 2)
        before = _children(process.pid)
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: not _children(process.pid) & before, else_say="an old worker is still there")
        wait_for_workers(tmp_path, 4)
        assert not _children(process.pid) & before
        assert traffic.closed >= 1
        traffic.pause = 0  # so that requests are in flight when the server stops
        process.send_signal(signal.SIGTERM)
        process.wait(120)
    assert traffic.failures == []


def _children(pid: int) -> set[int]:
    file = Path(f"/proc/{pid}/task/{pid}/children")
    if not file.exists():
        pytest.skip("this system does not tell a process's children")
    return {int(child) for child in file.read_text().split()}
