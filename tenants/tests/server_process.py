"""Runs the service in other processes, with its own PostgreSQL server for tests that stop the server or use a
pooler."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connections

from tenants.postgresql import embedded

from .waiting import PATIENCE_SECONDS

SERVER_APART = settings.LOCAL_DIR / "postgres-apart"

GRANIAN_OPTIONS = ("--interface", "asgi", "--http", "1", "--no-ws", "--workers-kill-timeout", "20")

needs_embedded = pytest.mark.skipif(not settings.EMBEDDED_POSTGRES_DIR, reason="DATABASE_URL names another server")

BUILD = """
import django
django.setup()
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
ensure_catalogue()
casinos = store_casinos(["Gamma", "Delta"])
Casino.objects.update(recommender_type="static", recommendation_schema={"recommended_events": "list"})
print(*[casino.pk for casino in casinos])
"""


def environment(database_url: str, **changes: str) -> dict[str, str]:
    """The environment of a process that serves all callers on loopback from the databases of this URL."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "recsys_project.settings",
        "DATABASE_URL": database_url,
        "SECRET_KEY": "of-the-tests-" + "0" * 50,
        "RECSYS_OPEN_API": "1",
        "HTTPS": "0",
        "PYTHONWARNINGS": "ignore",
        "PYTHONUNBUFFERED": "1",
        **changes,
    }


def url_by_socket(folder: str, db_name: str) -> str:
    return f"postgres://postgres@/{db_name}?host={quote(folder, safe='')}"


def url_of_test_catalogue() -> str:
    assert settings.EMBEDDED_POSTGRES_DIR is not None
    folder = embedded.ensure_running(settings.EMBEDDED_POSTGRES_DIR)
    return url_by_socket(folder, str(connections["default"].settings_dict["NAME"]))


def build_casinos(env: dict[str, str]) -> list[int]:
    """Create a catalogue with two configured casinos, if it has none yet. Returns their ids."""
    return [int(number) for number in run_python("-c", BUILD, env=env).split()]


def run_python(*arguments: str, env: dict[str, str], timeout: float = 120) -> str:
    """Run a Python process, which must succeed, and return its output."""
    command = [sys.executable, *arguments]
    process = subprocess.run(
        command, env=env, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert process.returncode == 0, process.stdout[-5_000:] + process.stderr[-5_000:]
    assert "Exception ignored" not in process.stderr
    return process.stdout


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def gunicorn(*options: str, env: dict[str, str]) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The port and the process of gunicorn."""
    with socket.create_server(
        ("127.0.0.1", 0)
    ) as listener:  # the socket is handed over: another process could take a released port
        port, number = listener.getsockname()[1], listener.fileno()
        command = (sys.executable, "-m", "gunicorn", "recsys_project.wsgi", "--bind", f"fd://{number}")
        process = subprocess.Popen(
            [*command, "--no-control-socket", "--log-level", "warning", *options],
            env=env,
            cwd=settings.BASE_DIR,
            pass_fds=[number],
        )
    try:
        wait_for_server(port)
        yield port, process
    finally:
        process.terminate()
        process.wait(120)


@contextmanager
def granian(
    env: dict[str, str], workers: int = 2, log: IO[bytes] | int = subprocess.DEVNULL
) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The port and the process of a server started as in the image, but with four threads per worker."""
    port = free_port()
    command = (sys.executable, "-m", "granian", "recsys_project.asgi:application", *GRANIAN_OPTIONS)
    process = subprocess.Popen(
        [*command, "--port", str(port), "--workers", str(workers)],
        env={"WEB_THREADS": "4", **env},
        cwd=settings.BASE_DIR,
        stdout=log,
        stderr=log,
    )
    try:
        wait_for_server(port)
        yield port, process
    finally:
        process.terminate()
        try:
            process.wait(120)
        finally:
            process.kill()
            process.wait()


def wait_for_server(port: int) -> None:
    """Wait for any response."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            ask(port, "/health/live")
        except OSError:
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
        else:
            return


def ask(port: int, path: str, casino_id: int | None = None) -> tuple[int, Any]:
    """The status and the headers of the response to a GET."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", path, headers={"Casino-ID": str(casino_id)} if casino_id else {})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, response.headers
