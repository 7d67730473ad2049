"""Commits a consumer group's offsets."""

import logging
import time
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaError, TopicPartition

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0


class OffsetCommits:
    """Commits offsets asynchronously, and retries commits that the broker refused, as during a rebalance.

    Offsets are committed only after their messages are stored. If a commit fails for good, the partition's next
    consumer reads the messages again, and finds them in the ledgers. Offsets keep their metadata.
    """

    def __init__(self) -> None:
        self._unconfirmed: dict[tuple[str, int], TopicPartition] = {}  # (topic, partition) -> its latest offset
        self._refused: set[tuple[str, int]] = set()
        self._retry_at = 0.0

    def commit(self, client: Consumer, offsets: list[TopicPartition]) -> None:
        """Commit without waiting: a synchronous commit blocks while the group's coordinator is unavailable."""
        for each in offsets:
            self._unconfirmed[each.topic, each.partition] = each
            self._refused.discard((each.topic, each.partition))
        client.commit(offsets=offsets, asynchronous=True)

    def retry(self, client: Consumer) -> None:
        """Commit the refused offsets again, at most once a second."""
        if self._refused and time.monotonic() >= self._retry_at:
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            self.commit(client, [self._unconfirmed[key] for key in self._refused])

    def finish(self, client: Consumer, seconds: float) -> None:
        """Wait up to `seconds` until all offsets are committed. Messages received meanwhile stay uncommitted."""
        deadline = time.monotonic() + seconds
        while self._unconfirmed and time.monotonic() < deadline:
            client.poll(0.1)
            self.retry(client)

    def forget(self, topic: str, partitions: Iterable[int]) -> None:
        """Do not retry commits of revoked partitions."""
        for partition in partitions:
            self._unconfirmed.pop((topic, partition), None)
            self._refused.discard((topic, partition))

    def on_commit(self, error: KafkaError | None, offsets: Iterable[TopicPartition]) -> None:
        """The client's callback with the result of a commit."""
        for each in offsets:
            key = each.topic, each.partition
            refusal = error or each.error
            if refusal is not None:
                logger.warning("%s/%d: offset %d not committed: %s", *key, each.offset, refusal.str())
                if key in self._unconfirmed:
                    self._refused.add(key)
            elif key in self._unconfirmed and self._unconfirmed[key].offset == each.offset:
                del self._unconfirmed[key]
                self._refused.discard(key)
