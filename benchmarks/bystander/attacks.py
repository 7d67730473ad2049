"""The attacks: each is a context manager that attacks the installation while its block runs."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

import psycopg

from tenants.postgresql import embedded
from tenants.tests.frozen_server import frozen

from .installation import Attacked, Installation, attacker
from .probes import Probe, ask_for_recommendations
from .topic import garbage_in_a_topic, messages_for_a_hung_server, store_users

CLIENTS = 9  # clients of each attacked casino
WARM_UP_SECONDS = 3.0  # seconds, until the web server has open connections to their databases


@dataclass(frozen=True, slots=True)
class Attack:
    """`probe` measures the innocent casino `rate` times a second while `attack` runs."""

    attack: Callable[[Installation], AbstractContextManager[None]]
    probe: Callable[[Installation], AbstractContextManager[Probe]] = ask_for_recommendations
    rate: float = 40.0


@contextmanager
def hung_server(installation: Installation) -> Iterator[None]:
    """The second server stops responding, while clients send requests to its casinos."""
    with clients(installation, installation.distant), frozen(installation.distant[0].data_dir):
        yield


@contextmanager
def locked_casinos(installation: Installation) -> Iterator[None]:
    """The users' tables of two casinos on the innocent one's server are locked, while clients send requests to both."""
    with clients(installation, installation.neighbours), locked(installation.neighbours):
        yield


@contextmanager
def web_attack(name: str, installation: Installation, *, keys: int = 0) -> Iterator[None]:
    """An attacker of the web server, without a login or with the keys of neighbours."""
    with attacker("web_attacks", name, str(installation.port), *(each.key for each in installation.neighbours[:keys])):
        yield


ATTACKS = {
    "hung server": Attack(hung_server),
    "hung server, messages": Attack(messages_for_a_hung_server, store_users, rate=8.0),
    "two locked casinos": Attack(locked_casinos),
    "slow bodies": Attack(partial(web_attack, "slow_bodies")),
    "slow headers": Attack(partial(web_attack, "slow_headers")),
    "uploads": Attack(partial(web_attack, "uploads")),
    "wrong passwords": Attack(partial(web_attack, "logins")),
    "batches": Attack(partial(web_attack, "batches", keys=1)),
    "configurations": Attack(partial(web_attack, "configurations", keys=2)),
    "garbage in a topic": Attack(garbage_in_a_topic, store_users, rate=8.0),
}


@contextmanager
def clients(installation: Installation, attacked: list[Attacked]) -> Iterator[None]:
    """A process of clients for each of these casinos. A client sends its next request as soon as it has a response."""
    keys = [each.key for each in attacked]
    with attacker("clients", str(installation.port), str(CLIENTS), *keys):
        time.sleep(WARM_UP_SECONDS)
        yield


@contextmanager
def locked(attacked: list[Attacked]) -> Iterator[None]:
    """Lock these casinos' users' tables, so that no other session can read them."""
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
