"""Limits the number of a casino's messages that are stored at once, so that a slow casino delays the others of a batch
by a few seconds only."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence

from django.conf import settings

from ingestion.messages.reading import DecodedMessage

SLOW_SECONDS = 2.0
SLOW_TURNS = 3
_SLOW_RATE = 20.0  # messages per second; storing takes some 10,000
_GROWTH = 4


class Pace:
    """Divides a casino's turn, the storing of its messages of one batch, into parts of one transaction each: a single
    part, unless an earlier one took longer than `INGESTION_TRANSACTION_SECONDS`."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}  # casino id -> messages per part, for casinos that need several parts
        self._slow_turns: Counter[int] = Counter()  # casino id -> slow turns in a row

    def parts(self, casino_id: int, messages: Sequence[DecodedMessage]) -> Iterator[Sequence[DecodedMessage]]:
        """The messages in parts, in their order, while the turn has time for one more part like the last."""
        size, seconds = self._sizes.get(casino_id, max(len(messages), 1)), settings.INGESTION_TRANSACTION_SECONDS
        began = ended = time.monotonic()
        last = longest = 0.0
        for start in range(0, len(messages), size):
            if start and ended + last > began + seconds:
                break
            yield messages[start : start + size]
            now = time.monotonic()
            ended, last = now, now - ended
            longest = max(longest, last)
        if longest * _GROWTH < seconds:
            self._grow(casino_id)

    def record_timeout(self, casino_id: int, size: int) -> None:
        """Record that a part of this size took too long."""
        self._sizes[casino_id] = max(size // 2, 1)

    def record_turn(self, casino_id: int, stored: int, seconds: float) -> None:
        if seconds > SLOW_SECONDS and stored < seconds * _SLOW_RATE:
            self._slow_turns[casino_id] += 1
        else:
            self._slow_turns.pop(casino_id, None)

    def is_slow(self, casino_id: int) -> bool:
        """Whether the casino was slow for `SLOW_TURNS` turns in a row: each turn delays all other casinos."""
        return self._slow_turns[casino_id] >= SLOW_TURNS

    def _grow(self, casino_id: int) -> None:
        size = self._sizes.pop(casino_id, settings.KAFKA_BATCH_SIZE) * _GROWTH
        if size < settings.KAFKA_BATCH_SIZE:
            self._sizes[casino_id] = size
