"""Sends what happens in the casinos, badly: out of order, some of it twice, and garbage in between."""

import random
import threading
import time
from typing import Any

from confluent_kafka import Producer
from django.utils import timezone

from ingestion.kafka.client import client_config
from ingestion.messages.decoding import Rejection, TimeBounds, decode_message
from ingestion.messages.encoding import encode_row
from ingestion.messages.envelope import Envelope, Place
from ingestion.producers.malformed import corrupt
from ingestion.topics import Topic
from recommendations.validation.rows import CouponRow, Row

from .casino_scenario import Story
from .expected import Message, Truth

UNKNOWN_CASINO = 999_999
_POOL = 300  # messages that are still to be sent, of which any may be the next
_TWICE, _SPOILT, _OF_NOBODY = 0.05, 0.01, 0.002
_TICK_SECONDS = 0.02


class Sender(threading.Thread):
    """Sends so many messages a second until told to finish; `truth` learns of each that the broker has."""

    def __init__(self, truth: Truth, rng: random.Random, rate: int) -> None:
        super().__init__(name="sender", daemon=True)
        self._truth = truth
        self._rng = rng
        self._rate = rate
        self._ending = threading.Event()
        self._pool: list[Message] = []
        self._failures: list[str] = []
        self._producer = Producer(client_config() | {"enable.idempotence": True, "linger.ms": 5})
        self._stories = [
            Story(casino_id, random.Random(rng.random()), has_ids=place % 2 == 0)
            for place, casino_id in enumerate(truth.casinos)
        ]

    def finish(self) -> None:
        """Send what is left, users that coupons wait for among it."""
        self._ending.set()
        self.join(60)
        assert not self.is_alive(), "the sender does not finish"
        assert not self._failures, self._failures[:3]

    def run(self) -> None:
        began, sent = time.monotonic(), 0
        while not self._ending.wait(_TICK_SECONDS):
            due = int((time.monotonic() - began) * self._rate)
            for _ in range(due - sent):
                self._fill()
                self._send(self._pool.pop(self._rng.randrange(len(self._pool))))
            sent = due
            self._producer.poll(0)
        for story in self._stories:
            self._pool += [_message(story.casino_id, topic, row, self._rng) for topic, row in story.last_users()]
        self._rng.shuffle(self._pool)
        for message in self._pool:
            self._send(message)
        if self._producer.flush(30):
            self._failures.append("messages are left in the queue")

    def _fill(self) -> None:
        while len(self._pool) < _POOL:
            story = self._rng.choice(self._stories)
            topic, row = story.next()
            message = _message(story.casino_id, topic, row, self._rng)
            self._pool.append(message)
            if self._rng.random() < _TWICE:
                self._pool.append(message)
            if self._rng.random() < _SPOILT:
                self._pool.append(_spoilt(message, self._rng))
            if self._rng.random() < _OF_NOBODY:
                self._pool.append(_of_nobody(message, self._rng))

    def _send(self, message: Message) -> None:
        def delivered(error: Any, where: Any) -> None:
            if error is not None:
                self._failures.append(error.str())
            else:
                self._truth.note(message, where.partition(), where.offset())

        self._producer.produce(
            message.topic.name, message.value, key=message.key, headers=[*message.headers], on_delivery=delivered
        )


def _message(casino_id: int, topic: Topic, row: Row, rng: random.Random) -> Message:
    headers: list[tuple[str, bytes | None]] = [("trace", rng.randbytes(8)), ("casino_id", str(casino_id).encode())]
    value = encode_row(row)
    if isinstance(row, CouponRow):
        row.source = None
    return Message(topic, casino_id, str(rng.random()).encode(), value, headers, row)


def _spoilt(message: Message, rng: random.Random) -> Message:
    value = corrupt(message.topic, message.value, rng)
    envelope = Envelope(Place("", "", 0, 0, 0), message.casino_id, message.key, value, message.headers)
    content = decode_message(message.topic.decode, envelope, TimeBounds.at(timezone.now()))
    assert isinstance(content, Rejection), value
    return Message(message.topic, message.casino_id, message.key, value, message.headers, None, content.code)


def _of_nobody(message: Message, rng: random.Random) -> Message:
    """Of a casino that there is not, or of none."""
    if rng.random() < 0.5:
        headers = [*message.headers[:-1], ("casino_id", str(UNKNOWN_CASINO).encode())]
        return Message(message.topic, UNKNOWN_CASINO, message.key, message.value, headers, None, "unknown_casino")
    return Message(message.topic, None, message.key, message.value, message.headers[:-1], None, "no_casino")
