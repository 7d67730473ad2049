"""Starts the demo's web server and checks its recommendations over HTTP."""

import json
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from recommendations.models import Event
from tenants.models import Casino
from tenants.routing.context import use_casino

from .errors import DemoFailed
from .processes import Processes, log_path
from .steps import Patience, check_alive

HOST = "127.0.0.1"
START_SECONDS = 120  # on a busy machine; a process that exits is detected at once
SERVER = "web_server"
EVENTS_OF_SLIP = 3


@dataclass(frozen=True, slots=True)
class CheckedResponse:
    """A casino's recommendation for a user, requested at `asked_at`: the response body, and the slip's events in it."""

    casino: Casino
    user_id: int
    body: dict[str, Any]
    events: list[dict[str, Any]]
    asked_at: datetime


def start_server(processes: Processes, port: int) -> str:
    """Start granian on `port`, or on a free port if that is taken. Returns its URL once it responds."""
    call_command("collectstatic", interactive=False, verbosity=0)
    port = port if port and _is_free(port) else _free_port()
    address = f"{HOST}:{port}"
    granian = (sys.executable, "-m", "granian", "recsys_project.asgi:application", "--interface", "asgi")
    options = ("--http", "1", "--no-ws", "--workers", "2", "--workers-kill-timeout", "10")
    metrics = settings.LOCAL_DIR / "metrics"  # shared by both workers; otherwise each would report only its own
    shutil.rmtree(metrics, ignore_errors=True)
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    processes.start(SERVER, *granian, "--host", HOST, "--port", str(port), *options, environment=environment)
    _wait_until_responding(f"http://{address}/", processes)
    return f"http://{address}"


def recommend(base_url: str, casino: Casino, user_id: int) -> CheckedResponse:
    """GET /recommend/<user_id>, and check that the recommended events have not begun. Raises DemoFailed."""
    response = request_recommendation(base_url, casino, user_id)
    _check_open(casino, user_id, response.events)
    return response


def wait_for_prices(processes: Processes, base_url: str, casino: Casino, user_id: int) -> None:
    """Wait until the casino's feed is stored; before, nothing is recommended. Raises DemoFailed."""
    patience = Patience()
    while len(request_recommendation(base_url, casino, user_id).events) < EVENTS_OF_SLIP:
        check_alive(processes)
        if patience.has_ended(0):
            raise DemoFailed(f"no prices of {casino} stored; see {log_path('consume_odds')}")
        time.sleep(0.2)


def request_recommendation(base_url: str, casino: Casino, user_id: int) -> CheckedResponse:
    asked_at = timezone.now()
    request = urllib.request.Request(f"{base_url}/recommend/{user_id}", headers={"Casino-ID": str(casino.pk)})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            body = json.load(response)
    except urllib.error.URLError as error:
        raise DemoFailed(f"no recommendation of {casino} for user {user_id}: {error}") from error
    events = next((value for value in body.values() if isinstance(value, list)), [])
    return CheckedResponse(casino, user_id, body, events, asked_at)


def _check_open(casino: Casino, user_id: int, events: list[dict[str, Any]]) -> None:
    if len(events) != EVENTS_OF_SLIP:
        raise DemoFailed(f"{casino} recommends {len(events)} events to user {user_id} instead of {EVENTS_OF_SLIP}")
    with use_casino(casino.current, switch=True):
        for event in events:
            teams = {"home_team": event["home_team"], "away_team": event["away_team"]}
            if not Event.objects.filter(begin_timestamp__gt=timezone.now(), **teams).exists():
                raise DemoFailed(f"{casino} recommends to user {user_id} an unknown or begun event: {event}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_until_responding(url: str, processes: Processes) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        check_alive(processes)
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise DemoFailed(f"the web server did not respond within {START_SECONDS} s; see {log_path(SERVER)}")
