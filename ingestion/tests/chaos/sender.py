"""Sends the casinos' messages out of order, some twice, and invalid ones in between."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from confluent_kafka import Producer
from django.utils import timezone

from ingestion.kafka.client import client_config
from ingestion.messages.decoding import Partial, Rejection, TimeBounds
from ingestion.messages.encoding import encode_row
from ingestion.messages.envelope import Envelope, Place
from ingestion.messages.reading import read_message
from ingestion.producers.malformed import corrupt
from ingestion.topics import Topic
from recommendations.validation.markets import OddsRow
from recommendations.validation.rows import CouponRow

from .casino_scenario import CasinoScenario, ScenarioRow
from .expected import Expected, SentMessage
from .odds import encode_odds

UNKNOWN_CASINO = 999_999
_POOL = 300  # messages to send, in random order
_TWICE, _INVALID, _WITHOUT_CASINO = 0.05, 0.01, 0.002
_TICK_SECONDS = 0.02
IDS_OF_NOBODY = 10**9  # from here on, ids of no sent row


class ChaosSender(threading.Thread):
    """Sends `rate` messages per second until `finish`, and records the delivered ones in `expected`."""

    def __init__(self, expected: Expected, rng: random.Random, rate: int) -> None:
        super().__init__(name="sender", daemon=True)
        self.expected = expected
        self._rng = rng
        self._rate = rate
        self._ending = threading.Event()
        self._sending = threading.Lock()
        self._pool: list[SentMessage] = []
        self._failures: list[str] = []
        self._producer = Producer(client_config() | {"enable.idempotence": True, "linger.ms": 5})
        self._scenarios = [
            CasinoScenario(casino_id, random.Random(rng.random()), has_ids=place % 2 == 0)
            for place, casino_id in enumerate(expected.casinos)
        ]

    def finish(self) -> None:
        """Send the remaining messages, including those of users that coupons wait for."""
        self._ending.set()
        self.join(120)
        assert not self.is_alive(), "the sender did not finish in time"
        assert not self._failures, self._failures[:3]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Send no messages in this block, which begins once all sent messages are delivered."""
        with self._sending:
            assert self._producer.flush(30) == 0, "messages were not delivered within 30 s"
            yield

    def run(self) -> None:
        began, sent = time.monotonic(), 0
        while not self._ending.wait(_TICK_SECONDS):
            due = int((time.monotonic() - began) * self._rate)
            with self._sending:
                for _ in range(due - sent):
                    self._fill()
                    self._send(self._pool.pop(self._rng.randrange(len(self._pool))))
                self._producer.poll(0)
            sent = due
        for scenario in self._scenarios:
            self._pool += [_message(scenario.casino_id, topic, row, self._rng) for topic, row in scenario.last_users()]
        self._rng.shuffle(self._pool)
        for message in self._pool:
            self._send(message)
        if self._producer.flush(30):
            self._failures.append("messages were not delivered within 30 s")

    def _fill(self) -> None:
        while len(self._pool) < _POOL:
            scenario = self._rng.choice(self._scenarios)
            topic, row = scenario.next()
            message = _message(scenario.casino_id, topic, row, self._rng)
            self._pool.append(message)
            if self._rng.random() < _TWICE:
                self._pool.append(message)
            if self._rng.random() < _INVALID:
                self._pool.append(_invalid(message, self._rng))
            if self._rng.random() < _WITHOUT_CASINO:
                self._pool.append(_without_casino(message, self._rng))

    def _send(self, message: SentMessage) -> None:
        sent_at = time.time_ns() // 1_000_000

        def on_delivery(error: Any, place: Any) -> None:
            if error is not None:
                self._failures.append(error.str())
            else:
                self.expected.record(message, place.partition(), place.offset(), sent_at)

        self._producer.produce(
            message.topic.name,
            message.value,
            key=message.key,
            headers=[*message.headers],
            timestamp=sent_at,
            on_delivery=on_delivery,
        )


def _message(casino_id: int, topic: Topic, row: ScenarioRow, rng: random.Random) -> SentMessage:
    headers: list[tuple[str, bytes | None]] = [("trace", rng.randbytes(8)), ("casino_id", str(casino_id).encode())]
    value = encode_odds(row) if isinstance(row, OddsRow) else encode_row(row)
    if isinstance(row, CouponRow):
        row.source = None
    return SentMessage(topic, casino_id, str(rng.random()).encode(), value, headers, row)


def _invalid(message: SentMessage, rng: random.Random) -> SentMessage:
    """A rejected message about its own row: an unreadable message restricts its row."""
    whole = _about_another_row(message.value, rng)
    code = None
    while code is None:
        value = corrupt(message.topic, whole, rng)
        code = _code_of(message, value)
    return SentMessage(message.topic, message.casino_id, message.key, value, message.headers, None, code)


def _about_another_row(value: bytes, rng: random.Random) -> bytes:
    fields, number = msgspec.json.decode(value), rng.randrange(10**8)
    own_id, name = IDS_OF_NOBODY + number, f"NOBODY {number}"
    named = {"id": own_id, "event_id": own_id, "surname": name, "home_team": name}
    return msgspec.json.encode(fields | {name: other for name, other in named.items() if fields.get(name) is not None})


def _code_of(message: SentMessage, value: bytes) -> str | None:
    """The rejection's code; None if the message may be about a sent row, such as one cut within its id, or is stored
    without some fields."""
    envelope = Envelope(Place("", "", 0, 0, 0), message.casino_id, message.key, value, message.headers)
    content = read_message(message.topic.decode, message.topic.partial, envelope, TimeBounds.at(timezone.now()))
    if isinstance(content, Partial):
        return None if content.change.makes_row else content.unless_stored.code
    if not isinstance(content, Rejection):
        return None
    ids = [change.id for change in content.changes if change.id is not None]  # a text key is the id of no row
    closed = [row.id for row in content.closed_odds]
    if None in closed:  # it would close all prices of its partition
        return None
    ids += [each for each in closed if each is not None]
    return content.code if all(isinstance(each, str) or each >= IDS_OF_NOBODY for each in ids) else None


def _without_casino(message: SentMessage, rng: random.Random) -> SentMessage:
    """The message with an unknown casino, or without one."""
    if rng.random() < 0.5:
        headers = [*message.headers[:-1], ("casino_id", str(UNKNOWN_CASINO).encode())]
        return SentMessage(message.topic, UNKNOWN_CASINO, message.key, message.value, headers, None, "unknown_casino")
    return SentMessage(message.topic, None, message.key, message.value, message.headers[:-1], None, "no_casino")
