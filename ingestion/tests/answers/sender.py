"""Sends the feed at its rate, and journals each message once the broker has it."""

import random
import threading
import time
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from ingestion.kafka.client import client_config

from .backlog import Backlog
from .feed import Feed, Message
from .meanings import JournalWriter, Meaning, Offsets

_TICK_SECONDS = 0.01
_ATTEMPTS = 50  # tries per tick to find a producer that is not silent


class FeedSender(threading.Thread):
    """Sends `rate` market changes a second of one casino until `finish`; with `waits`, for a broker that keeps few
    messages, it pauses while consumers are far behind. `stored`: the offsets of the stored messages, to be updated
    often. `seconds`: the duration so far, `waited` the pauses in it."""

    def __init__(
        self, casino_id: int, journal: Path, rng: random.Random, *, events: int, rate: int, waits: bool
    ) -> None:
        super().__init__(name="feed", daemon=True)
        self.feed = Feed(rng, events, _now())
        self.messages = 0
        self.seconds = self.waited = 0.0
        self.stored: Offsets = {}
        self._waits = waits
        self._backlog = Backlog()
        self._journal = JournalWriter(journal)
        self._headers = [("casino_id", str(casino_id).encode())]
        self._rate = rate
        self._ending = threading.Event()
        self._failures: list[str] = []
        self._delivered: list[Meaning] = []
        self._producer = Producer(client_config() | {"enable.idempotence": True, "linger.ms": 5})

    def finish(self) -> None:
        self._ending.set()
        self.join(60)
        assert not self._failures, self._failures[:3]

    def run(self) -> None:
        began = time.monotonic()
        while not self._ending.wait(_TICK_SECONDS):
            before, self.seconds = self.seconds, time.monotonic() - began
            self._backlog.take_away(self.stored)
            for message in self.feed.due(_now()):
                self._send(message)
            if self._waits and self._backlog.is_full:
                self.waited += self.seconds - before
            else:
                self._send_changes()
            self._producer.poll(0)
            self._write_journal()
        if self._producer.flush(30):
            self._failures.append("messages were not delivered within 30 s")
        self._write_journal()

    def _send_changes(self) -> None:
        for _ in range(_ATTEMPTS):
            if self.feed.changes >= (self.seconds - self.waited) * self._rate:
                break
            if (found := self.feed.next(_now())) is not None:
                self._send(found)

    def _write_journal(self) -> None:
        self._journal.append(*self._delivered)
        self._delivered.clear()
        if self._waits and self._backlog.has_lost and not self._failures:
            self._failures.append("consumers were so far behind that the embedded broker may have dropped messages")

    def _send(self, message: Message) -> None:
        meaning = message.meaning
        self.messages += 1
        self._producer.produce(
            meaning.topic,
            message.value,
            key=message.key,
            partition=meaning.partition,
            headers=[*self._headers],
            timestamp=meaning.sent_at // 1_000,
            on_delivery=lambda error, place: self._note(error, place, meaning, len(message.value)),
        )

    def _note(self, error: Any, place: Any, meaning: Meaning, size: int) -> None:
        if error is not None:
            self._failures.append(error.str())
            return
        meaning.offset = place.offset()
        self._backlog.add((meaning.topic, meaning.partition), meaning.offset, size)
        self._delivered.append(meaning)


def _now() -> int:
    return time.time_ns() // 1_000
