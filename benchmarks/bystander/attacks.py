"""The attacks: each is a context manager that attacks the installation while its block runs."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import psycopg
from django.conf import settings

from tenants.postgresql import embedded
from tenants.tests.frozen_server import frozen

from .installation import Attacked, Installation
from .probes import Probe, ask_for_recommendations

CLIENTS = 9  # of each attacked casino
WARM_UP_SECONDS = 3.0  # so that the web server has open connections to their databases


@dataclass(frozen=True, slots=True)
class Attack:
    """`attack` runs while the innocent casino is measured by `probe`."""

    attack: Callable[[Installation], AbstractContextManager[None]]
    probe: Callable[[Installation], AbstractContextManager[Probe]] = ask_for_recommendations


@contextmanager
def hung_server(installation: Installation) -> Iterator[None]:
    """The second server stops saying anything, while clients ask for its casinos."""
    with clients(installation, installation.distant), frozen(installation.distant[0].data_dir):
        yield


@contextmanager
def locked_casinos(installation: Installation) -> Iterator[None]:
    """Two casinos on the innocent one's server lock their users' table, while clients ask for both."""
    with clients(installation, installation.neighbours), locked(installation.neighbours):
        yield


ATTACKS = {
    "hung server": Attack(hung_server),
    "two locked casinos": Attack(locked_casinos),
}


@contextmanager
def clients(installation: Installation, attacked: list[Attacked]) -> Iterator[None]:
    """A process of clients that ask for each of these casinos, again as soon as they have an answer."""
    keys = [each.key for each in attacked]
    command = [sys.executable, "-m", "benchmarks.bystander.clients", str(installation.port), str(CLIENTS), *keys]
    process = subprocess.Popen(command, cwd=settings.BASE_DIR)
    try:
        time.sleep(WARM_UP_SECONDS)
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def locked(attacked: list[Attacked]) -> Iterator[None]:
    """Nobody else reads these casinos' users."""
    sessions = []
    try:
        for each in attacked:
            socket_dir = embedded.ensure_running(each.data_dir)
            sessions.append(psycopg.connect(host=socket_dir, user="postgres", dbname=each.casino.db_name))
            sessions[-1].execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        for session in sessions:
            session.close()
