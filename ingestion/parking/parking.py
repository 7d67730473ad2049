"""Messages of casinos whose databases are away wait in `<topic>.parked`, in their order, so that the others go on.

A casino's later messages of the same partition are parked behind them until all that wait are stored. So, of each
partition, a casino's messages are always stored in the order of their offsets, which the ledger relies on. A message
may be parked twice, after a crash or by a consumer that does not know yet that it has lost the partition: the ledger
knows it by its place.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from confluent_kafka import Consumer, TopicPartition

from ingestion.kafka.forwarder import Forwarder
from ingestion.kafka.partition_reader import read_partition
from ingestion.messages.envelope import Envelope, Headers, Place, header, open_message
from ingestion.topics import Topic

logger = logging.getLogger(__name__)

PREFIX = "parked."
PLACE_HEADER, REASON_HEADER, AT_HEADER = f"{PREFIX}place", f"{PREFIX}reason", f"{PREFIX}at"
_SECONDS = 10.0

Settle = Callable[[int, list[Envelope]], bool]


def unpark(message: Any) -> Envelope:
    """The message as it was when it came, at its own place."""
    envelope = open_message(message, "", "")
    place = msgspec.json.decode(header(envelope.headers, PLACE_HEADER) or b"", type=Place)
    headers: Headers = [each for each in envelope.headers or () if not each[0].startswith(PREFIX)]
    return Envelope(place, envelope.casino_id, envelope.key, envelope.value, headers)


class Parking:
    """What waits in the partitions that this consumer has. `client` is its member of the group, by which it says how
    far the parked messages are dealt with: the broker refuses that of a consumer that has lost its partitions."""

    def __init__(self, topic: Topic, client: Consumer, forwarder: Forwarder) -> None:
        self._topic = topic
        self._client = client
        self._forwarder = forwarder
        self._waiting: dict[int, Counter[int]] = {}
        self._rest: dict[int, int] = {}  # partition -> offset from which on messages wait

    def take_over(self, partitions: Iterable[int]) -> None:
        """Learn what waits in partitions that this consumer has got."""
        for partition in partitions:
            first, end = self._bounds(partition)
            self._waiting[partition] = Counter()
            self._rest[partition] = first
            for batch in read_partition(self._topic.parked, partition, first, end):
                self._waiting[partition].update(unpark(message).casino_id or 0 for message in batch)
            if self._waiting[partition]:
                logger.info("%s/%d: %d messages wait", self._topic.parked, partition, self._waiting[partition].total())

    def let_go(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._waiting.pop(partition, None)
            self._rest.pop(partition, None)

    def holds(self, casino_id: int, partition: int) -> bool:
        """Whether messages of this casino wait, so that later ones of the partition have to wait as well."""
        return casino_id in self._waiting.get(partition, ())

    def park(self, envelopes: Iterable[Envelope], reason: str, now: datetime) -> None:
        """Queue messages; the forwarder's `flush` has them safe."""
        for envelope in envelopes:
            added = {
                PLACE_HEADER: msgspec.json.encode(envelope.place).decode(),
                REASON_HEADER: reason,
                AT_HEADER: now.isoformat(timespec="seconds"),
            }
            self._forwarder.forward(self._topic.parked, envelope, added)
            self._waiting.setdefault(envelope.place.partition, Counter())[envelope.casino_id or 0] += 1

    @property
    def waiting(self) -> Counter[int]:
        """Casino -> how many of its messages wait."""
        return sum(self._waiting.values(), Counter())

    def partitions_with(self, casino_ids: Iterable[int]) -> list[int]:
        wanted = set(casino_ids)
        return sorted(partition for partition, waiting in self._waiting.items() if wanted & waiting.keys())

    def drain(self, partition: int, settle: Settle) -> Iterator[None]:
        """Go through what waits in the partition, a batch each time that the iterator is asked.

        `settle` stores messages of one casino, or answers False if they have to wait on. When all is gone through, the
        casinos of which nothing waits any more are held no longer.
        """
        kept: Counter[int] = Counter()
        position, rest = self._rest[partition], None
        while (end := self._end(partition)) > position:
            for batch in read_partition(self._topic.parked, partition, position, end):
                for casino_id, messages in _by_casino(batch).items():
                    if casino_id not in self._waiting[partition]:
                        continue  # dealt with the last time, when another casino's messages before these had to wait on
                    if casino_id in kept or not settle(casino_id, [envelope for _, envelope in messages]):
                        kept[casino_id] += len(messages)
                        rest = messages[0][0] if rest is None else min(rest, messages[0][0])
                position = batch[-1].offset() + 1
                if position < end:
                    yield
            position = end  # at once look again: after a yield there might always be more
        self._leave(partition, position if rest is None else rest)
        self._waiting[partition] = kept

    def _leave(self, partition: int, rest: int) -> None:
        place = TopicPartition(self._topic.parked, partition, rest)
        self._client.commit(offsets=[place], asynchronous=True)
        self._rest[partition] = rest

    def _bounds(self, partition: int) -> tuple[int, int]:
        place = TopicPartition(self._topic.parked, partition)
        [committed] = self._client.committed([place], timeout=_SECONDS)
        first, end = self._client.get_watermark_offsets(place, timeout=_SECONDS)
        return max(committed.offset, first), end

    def _end(self, partition: int) -> int:
        place = TopicPartition(self._topic.parked, partition)
        return int(self._client.get_watermark_offsets(place, timeout=_SECONDS)[1])


def _by_casino(messages: Iterable[Any]) -> dict[int, list[tuple[int, Envelope]]]:
    """Casino -> (offset among the parked, message) of each of its messages."""
    groups: dict[int, list[tuple[int, Envelope]]] = defaultdict(list)
    for message in messages:
        envelope = unpark(message)
        groups[envelope.casino_id or 0].append((message.offset(), envelope))
    return groups
