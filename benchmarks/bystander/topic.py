"""The innocent casino's messages, and garbage from others in the same topic."""

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec
from confluent_kafka import Producer
from django.conf import settings
from django.db import Error

from ingestion.kafka.client import client_config
from ingestion.kafka.embedded_broker import EmbeddedBroker
from ingestion.messages.envelope import CASINO_HEADER
from ingestion.tests.sample_messages import user
from ingestion.topics import PARTITIONS, USERS, topic_names
from recommendations.models import User
from tenants.models import Casino
from tenants.routing.context import use_casino
from tenants.tests.frozen_server import frozen

from .installation import Installation, attacker
from .probes import TIMEOUT_SECONDS, Failed, Probe

_FIRST_ID = 1_000_000  # greater than the ids of the installation's users
_POLL_SECONDS = 0.01
_SENT_RATE, _WARM_UP_SECONDS = 10.0, 2.0
_ids = itertools.count(_FIRST_ID + time.time_ns() // 1_000_000_000 * 1_000)


@contextmanager
def store_users(installation: Installation) -> Iterator[Probe]:
    """Send a message with a new user, and wait until the user is stored: on an embedded broker, with one consumer of
    the topic."""
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        for name in topic_names():
            broker.create_topic(name, PARTITIONS)
        settings.KAFKA_BOOTSTRAP_SERVERS = broker.bootstrap_servers
        stack.callback(setattr, settings, "KAFKA_BOOTSTRAP_SERVERS", "")
        stack.enter_context(_consumer(broker.bootstrap_servers))
        arrivals = stack.enter_context(Arrivals(installation.innocent.casino).watching())
        producer = Producer(client_config() | {"linger.ms": 0})

        def store() -> None:
            number = next(_ids)
            headers: dict[str, str | bytes | None] = {CASINO_HEADER: str(installation.innocent.casino.pk)}
            producer.produce(USERS.name, msgspec.json.encode(user(id=number)), headers=headers)
            producer.poll(0)
            if not arrivals.wait_for(number):
                raise Failed(f"not stored within {TIMEOUT_SECONDS:g} s")

        yield store


@contextmanager
def _consumer(servers: str) -> Iterator[None]:
    command = [sys.executable, "manage.py", f"consume_{USERS.name}"]
    environment = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": servers}
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


class Arrivals:
    """Reports when users are stored. One thread polls for all of them, so that waiting costs little."""

    def __init__(self, casino: Casino) -> None:
        self._casino = casino
        self._stop = threading.Event()
        self._waiting: dict[int, threading.Event] = {}

    def wait_for(self, user_id: int) -> bool:
        arrived = self._waiting[user_id] = threading.Event()
        try:
            return arrived.wait(TIMEOUT_SECONDS)
        finally:
            del self._waiting[user_id]

    @contextmanager
    def watching(self) -> Iterator["Arrivals"]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            waiting = dict(self._waiting)
            try:
                with use_casino(self._casino.current):
                    stored = set(User.objects.filter(pk__in=waiting).values_list("pk", flat=True))
            except Error:
                continue
            for user_id in stored:
                waiting[user_id].set()


@contextmanager
def garbage_in_a_topic(installation: Installation) -> Iterator[None]:
    """A neighbour sends garbage, and another sender sends it without a casino."""
    with attacker("garbage", settings.KAFKA_BOOTSTRAP_SERVERS, str(installation.neighbours[0].casino.pk)):
        yield


@contextmanager
def messages_for_a_hung_server(installation: Installation) -> Iterator[None]:
    """The second server stops responding, while its casinos send messages."""
    with _sending([each.casino.pk for each in installation.distant]):
        time.sleep(_WARM_UP_SECONDS)
        with frozen(installation.distant[0].data_dir):
            yield


@contextmanager
def _sending(casino_ids: list[int]) -> Iterator[None]:
    """Send users of these casinos, `_SENT_RATE` a second for each."""
    stop, producer = threading.Event(), Producer(client_config() | {"linger.ms": 0})

    def send() -> None:
        while not stop.wait(1 / _SENT_RATE):
            for casino_id in casino_ids:
                body = msgspec.json.encode(user(id=next(_ids)))
                producer.produce(USERS.name, body, headers={CASINO_HEADER: str(casino_id)})
            producer.poll(0)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
