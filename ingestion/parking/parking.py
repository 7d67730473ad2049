"""Parks messages of casinos with an unavailable database in `<topic>.parked`, so that the other casinos' are stored.

While messages of a casino and partition are parked, its later ones are parked behind them. So the messages of a casino
and partition are stored in the order of their offsets, as the ledger requires. After a crash, or by a consumer that has
not noticed yet that its partition was revoked, a message may be parked twice; the ledger detects it.

If the broker deletes parked messages, each casino that they may belong to closes all that they could have closed.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from django.conf import settings

from ingestion.catalogue import ready_casino_ids
from ingestion.kafka.errors import raise_if_fatal
from ingestion.kafka.forwarder import Forwarder
from ingestion.kafka.lost_offsets import report_lost
from ingestion.kafka.offset_commits import OffsetCommits
from ingestion.kafka.partition_reader import read_partition
from ingestion.kafka.watermarks import bounds_of
from ingestion.messages.envelope import Envelope, Headers, Place, header, open_message
from ingestion.messages.lost import LostMessages, for_each_casino, lost_messages
from ingestion.topics import Topic

logger = logging.getLogger(__name__)

PREFIX = "parked."
PLACE_HEADER, REASON_HEADER, AT_HEADER = f"{PREFIX}place", f"{PREFIX}reason", f"{PREFIX}at"
_MISSING = frozenset({KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART})
_MAX_OFFSET = 2**63

StoreParked = Callable[[int, list[Envelope]], int]
CloseLost = Callable[[Envelope], bool]


def unpark(message: Any) -> Envelope | None:
    """The original message of a parked one, with its original place; None if no consumer parked it."""
    envelope = open_message(message, "", "")
    try:
        place = msgspec.json.decode(header(envelope.headers, PLACE_HEADER) or b"", type=Place)
    except msgspec.MsgspecError:
        place = None
    if place is None or place.partition != envelope.place.partition or not 0 <= place.offset < _MAX_OFFSET:
        logger.warning("%s is not a parked message and ignored", envelope.place)
        return None
    headers: Headers = [each for each in envelope.headers or () if not each[0].startswith(PREFIX)]
    return Envelope(place, envelope.casino_id, envelope.key, envelope.value, headers)


class Parking:
    """The parked messages of this consumer's partitions. `client`, the group's member, commits their offsets: the
    broker rejects commits from a consumer whose partitions were revoked."""

    def __init__(self, topic: Topic, client: Consumer, commits: OffsetCommits, forwarder: Forwarder) -> None:
        self._topic = topic
        self._client = client
        self._commits = commits
        self._forwarder = forwarder
        self._parked: dict[int, Counter[int]] = {}  # partition -> casino id -> number of messages
        self._first_offsets: dict[int, int] = {}  # partition -> offset of its first parked message
        self._drains: dict[int, Iterator[None]] = {}
        self._drained = -1  # the partition of the last step
        # partition -> deleted messages, and the casinos that have not handled their loss yet; None: all
        self._lost: dict[int, tuple[LostMessages, set[int] | None]] = {}

    def assign(self, partitions: Iterable[int]) -> None:
        """Read the parked messages of newly assigned partitions, to count them by casino."""
        for partition in partitions:
            first, end = self._bounds(partition)
            self._parked[partition] = Counter()
            self._first_offsets[partition] = first
            for batch in read_partition(self._topic.parked, partition, first, end):
                found = [envelope for message in batch if (envelope := unpark(message)) is not None]
                self._parked[partition].update(envelope.casino_id or 0 for envelope in found)
            if count := self._parked[partition].total():
                logger.info("%s/%d: %d messages are parked", self._topic.parked, partition, count)

    def revoke(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._parked.pop(partition, None)
            self._first_offsets.pop(partition, None)
            self._drains.pop(partition, None)
            self._lost.pop(partition, None)
        self._commits.forget(self._topic.parked, partitions)

    def has_parked(self, casino_id: int, partition: int) -> bool:
        """Whether messages of the casino are parked: later ones of the partition must then be parked too."""
        return casino_id in self._parked.get(partition, ())

    def park(self, envelopes: Iterable[Envelope], reason: str, now: datetime) -> None:
        """Queue messages; they are parked once the forwarder's `flush` has returned."""
        for envelope in envelopes:
            added = {
                PLACE_HEADER: msgspec.json.encode(envelope.place).decode(),
                REASON_HEADER: reason,
                AT_HEADER: now.isoformat(timespec="seconds"),
            }
            self._forwarder.forward(self._topic.parked, envelope, added)
            counts = self._parked.setdefault(envelope.place.partition, Counter())
            if not counts and envelope.place.partition in self._first_offsets:
                self._commit(envelope.place.partition)  # later consumers detect a loss by this offset
            counts[envelope.casino_id or 0] += 1

    @property
    def counts(self) -> Counter[int]:
        """Casino id -> number of its parked messages."""
        return sum(self._parked.values(), Counter())

    def drain_step(self, is_unavailable: Callable[[int], bool], store: StoreParked, close: CloseLost) -> None:
        """Store one batch of parked messages, of the next partition with messages of a casino that may be available
        again; only one batch, so that new messages do not wait long. First calls `close` for the casinos that may be
        available and have not handled a loss yet; it returns whether that is done.

        Raises AllDatabasesUnavailable, NotDelivered. After these, and after other errors of Kafka, a later step starts
        draining again.
        """
        self._close_lost(is_unavailable, close)
        available = {casino_id for casino_id in self.counts if not is_unavailable(casino_id)}
        due = [each for each, counts in self._parked.items() if each in self._drains or available & counts.keys()]
        if not due:
            return
        partition = self._drained = min(due, key=lambda each: (each <= self._drained, each))
        drain = self._drains.pop(partition, None) or self.drain(partition, store)
        try:
            next(drain)
        except StopIteration:
            return
        except KafkaException as error:
            raise_if_fatal(error)
            logger.warning("%s: messages stay parked: %s", self._topic.name, error.args[0].str())
        else:
            self._drains[partition] = drain

    def drain(self, partition: int, store: StoreParked) -> Iterator[None]:
        """Store the partition's parked messages, one batch at each `next`.

        `store` stores messages of one casino, or only the first of them if its database is slow or still unavailable,
        and returns their number. Ends as soon as each of these casinos has messages that can't be stored. At the end,
        casinos without parked messages are stored directly again.
        """
        stored: Counter[int] = Counter()
        remaining: dict[int, int] = {}  # casino id -> the offset of its first message that stays parked
        position, is_hopeless = self._first_retained_offset(partition), False
        while (end := self._end(partition)) > position and not is_hopeless:
            for batch in read_partition(self._topic.parked, partition, position, end):
                for casino_id, messages in _group_by_casino(batch).items():
                    if casino_id not in self._parked[partition] or casino_id in remaining:
                        continue  # stored by the previous drain, behind another casino's messages; or still unavailable
                    count = store(casino_id, [envelope for _, envelope in messages])
                    stored[casino_id] += count
                    if count < len(messages):
                        remaining[casino_id] = messages[count][0]
                position = batch[-1].offset() + 1
                self._advance(partition, min(remaining.values(), default=position))
                is_hopeless = self._parked[partition].keys() <= remaining.keys()
                if is_hopeless:
                    break
                if position < end:
                    yield
            position = (
                position if is_hopeless else end
            )  # without a yield: after one there might always be more messages
        self._advance(partition, min(remaining.values(), default=position))
        counts = self._parked[partition]
        self._parked[partition] = Counter({each: max(counts[each] - stored[each], 1) for each in remaining})

    def _advance(self, partition: int, first: int) -> None:
        """Record that no message before this offset is left. It is committed after each batch: a consumer that is
        always killed before a drain ends would otherwise start over each time."""
        if first != self._first_offsets[partition]:
            self._first_offsets[partition] = first
            self._commit(partition)

    def _close_lost(self, is_unavailable: Callable[[int], bool], close: CloseLost) -> None:
        for partition, (lost, known) in [*self._lost.items()]:
            casino_ids = ready_casino_ids() if known is None else sorted(known)
            messages = zip(casino_ids, for_each_casino(lost, casino_ids), strict=True)
            left = {casino_id for casino_id, message in messages if is_unavailable(casino_id) or not close(message)}
            self._lost[partition] = lost, left
            if not left:
                del self._lost[partition]
                self._commit(partition)

    def _commit(self, partition: int) -> None:
        """Commit the first offset, unless a casino has not handled a loss yet: another consumer must then detect it
        again."""
        if partition not in self._lost:
            place = TopicPartition(self._topic.parked, partition, self._first_offsets[partition])
            self._commits.commit(self._client, [place])

    def _first_retained_offset(self, partition: int) -> int:
        """The offset of the first parked message that is left."""
        first, _ = bounds_of(self._client, TopicPartition(self._topic.parked, partition))
        if self._first_offsets[partition] < first:
            _, known = self._lost.get(partition, (None, set[int]()))
            owners = None if known is None else known | self._parked[partition].keys()
            self._lose(partition, self._first_offsets[partition], first, owners)
            self._first_offsets[partition] = first
        return self._first_offsets[partition]

    def _lose(self, partition: int, first: int, first_left: int, casino_ids: set[int] | None) -> None:
        report_lost(self._topic.parked, partition, first, first_left - 1)
        now = round(time.time() * 1_000)  # later than all lost messages
        place = Place("", self._topic.parked, partition, first_left - 1, now)
        self._lost[partition] = lost_messages(place, first), casino_ids

    def _bounds(self, partition: int) -> tuple[int, int]:
        place = TopicPartition(self._topic.parked, partition)
        [committed] = self._client.committed([place], timeout=settings.KAFKA_ANSWER_SECONDS)
        try:
            first, end = bounds_of(self._client, place)
        except KafkaException as error:
            if error.args[0].code() not in _MISSING:
                raise
            logger.warning("%s has no partition %d: run `manage.py create_topics`", self._topic.parked, partition)
            return 0, 0
        if 0 <= committed.offset < first:
            self._lose(partition, committed.offset, first, None)
        return max(committed.offset, first), end

    def _end(self, partition: int) -> int:
        return bounds_of(self._client, TopicPartition(self._topic.parked, partition))[1]


def _group_by_casino(messages: Iterable[Any]) -> dict[int, list[tuple[int, Envelope]]]:
    """Casino id -> (offset in the parked topic, original message) of each of its messages."""
    groups: dict[int, list[tuple[int, Envelope]]] = defaultdict(list)
    for message in messages:
        if (envelope := unpark(message)) is not None:
            groups[envelope.casino_id or 0].append((message.offset(), envelope))
    return groups
