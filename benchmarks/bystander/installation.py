"""The attacked installation: two PostgreSQL servers, casinos on both, and the web server."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings
from django.utils import timezone

from recommendations.services import configure
from tenants.access.api_keys import issue_key
from tenants.lifecycle.create import create_casino, provision
from tenants.models import Casino, DatabaseServer
from tenants.tests.server_process import free_port, wait_for_server

from .. import casino as benchmark
from .servers import MAIN_DIR, SECOND, SECOND_DIR

SCHEMA = {"user_id": "int", "stake": "float", "timestamp": "float", "recommended_events": "list"}
EVENTS, USERS, COUPONS = 1_000, 200, 1_000
_GRANIAN = re.compile(r"`granian (recsys_project\.asgi:application [^`]*)`")


@dataclass(frozen=True, slots=True)
class Attacked:
    """A casino, one of its keys, and the server of its database."""

    casino: Casino
    key: str
    data_dir: Path


@dataclass(slots=True)
class Installation:
    """`innocent` is measured. `neighbours` are two casinos on its server, `distant` are two on the second server."""

    innocent: Attacked
    neighbours: list[Attacked]
    distant: list[Attacked]
    port: int = 0


@contextmanager
def attacker(module: str, *arguments: str) -> Iterator[None]:
    """A process of this benchmark's module; it is killed at the block's end."""
    command = [sys.executable, "-m", f"benchmarks.bystander.{module}", *arguments]
    process = subprocess.Popen(command, cwd=settings.BASE_DIR)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def build() -> Installation:
    """The casinos, filled and configured. A second call uses the casinos of the first."""
    benchmark.EVENTS, benchmark.USERS, benchmark.COUPONS = EVENTS, USERS, COUPONS
    innocent, *neighbours = [benchmark.build_casino(f"Bystander {number}") for number in range(3)]
    DatabaseServer.objects.get_or_create(name=SECOND)
    distant = [_casino_on_second(f"Distant {number}") for number in range(2)]
    return Installation(
        _attacked(innocent, MAIN_DIR),
        [_attacked(each, MAIN_DIR) for each in neighbours],
        [_attacked(each, SECOND_DIR) for each in distant],
    )


def _casino_on_second(name: str) -> Casino:
    casino = Casino.objects.filter(name=name).first()
    if casino is None:
        casino = create_casino(name, server=SECOND)
    provision(casino, server=SECOND)
    return casino


def _attacked(casino: Casino, data_dir: Path) -> Attacked:
    configure(casino=casino, recommender_type="inference", recommendation_schema=SCHEMA, now=timezone.now())
    key = issue_key(casino, name="bystander", scopes=["recommend", "configure"], by="benchmark")
    return Attacked(casino, key.text, data_dir)


def granian_command(port: int) -> list[str]:
    """The web server's command line in `docs/operations.md`."""
    documented = _GRANIAN.search((settings.BASE_DIR / "docs/operations.md").read_text())
    assert documented is not None, "docs/operations.md has no granian command"
    return [sys.executable, "-m", "granian", *shlex.split(documented[1]), "--port", str(port), "--no-log"]


@contextmanager
def serving(installation: Installation) -> Iterator[None]:
    """The web server; it is killed if it does not end by itself."""
    installation.port = free_port()
    web = psutil.Popen(granian_command(installation.port), cwd=settings.BASE_DIR)
    try:
        wait_for_server(installation.port)
        yield
    finally:
        processes = [*web.children(recursive=True), web]
        web.terminate()
        _, alive = psutil.wait_procs(processes, timeout=60)
        for process in alive:
            print(f"{process} did not end within 60 s of SIGTERM.")
            process.kill()
