"""Watches the ledgers of available casinos, to measure the stalls of their messages."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import Error

from ingestion.models import PartitionOffset
from ingestion.topics import PARTITIONS
from tenants.models import Casino
from tenants.routing.context import use_casino

from .expected import CasinoPartition, Expected

_POLL_SECONDS, _STALLED_SECONDS = 0.25, 2.0


class Watcher(threading.Thread):
    """`longest` is the longest time in which a casino's partition had messages to store and none was stored, with the
    partition. The time inside `paused` does not count; `longest_pause` is the longest such time."""

    def __init__(self, expected: Expected, available: Sequence[Casino]) -> None:
        super().__init__(name="watcher", daemon=True)
        self._expected = expected
        self._available = available
        self._ending = threading.Event()
        self._done: dict[CasinoPartition, int] = {}
        self._moved_at: dict[CasinoPartition, float] = {}
        self._paused_seconds = 0.0
        self._paused_since: float | None = None
        self.longest_pause = 0.0
        self.longest: tuple[float, CasinoPartition | None] = (0.0, None)

    @property
    def stalled(self) -> set[str]:
        """The topics with a partition that has not progressed for a while."""
        now = self._clock()
        moved_at = dict(self._moved_at)
        return {topic for (_, topic, _), at in moved_at.items() if now - at > _STALLED_SECONDS}

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the watcher's clock in this block, as during a restart of the server."""
        self._paused_since = time.monotonic()
        yield
        seconds = time.monotonic() - self._paused_since
        self._paused_seconds += seconds
        self.longest_pause = max(self.longest_pause, seconds)
        self._paused_since = None

    def end(self) -> None:
        assert self.is_alive(), "the watcher has failed"
        self._ending.set()
        self.join(30)

    def run(self) -> None:
        while not self._ending.wait(_POLL_SECONDS):
            ends, now = dict(self._expected.ends), self._clock()
            for casino in self._available:
                try:
                    done = _done(casino)
                except Error:  # the connection was cut, or the server is restarting
                    continue
                for partition, end in ends.items():
                    if partition[0] == casino.pk and partition[2] < PARTITIONS:  # an added partition is found later
                        self._measure(partition, done.get(partition, 0), end, now)

    def _measure(self, partition: CasinoPartition, done: int, end: int, now: float) -> None:
        if done >= end or done != self._done.get(partition, 0):  # less in a recreated topic
            self._moved_at[partition] = now
        self._done[partition] = done
        self.longest = max(
            self.longest, (now - self._moved_at.setdefault(partition, now), partition), key=lambda it: it[0]
        )

    def _clock(self) -> float:
        since = self._paused_since
        return (time.monotonic() if since is None else since) - self._paused_seconds


def _done(casino: Casino) -> dict[CasinoPartition, int]:
    with use_casino(casino.current):
        # the latest one if the topic was recreated
        rows = PartitionOffset.objects.order_by("pk").values_list("topic", "partition", "next_offset")
        return {(casino.pk, topic, partition): offset for topic, partition, offset in rows}
