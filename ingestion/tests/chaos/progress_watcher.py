"""Looks, several times a second, whether the healthy casinos' messages move on."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import Error

from ingestion.models import PartitionOffset
from tenants.models import Casino
from tenants.routing.context import use_casino

from .expected import Stream, Truth

_LOOK_SECONDS = 0.25


class Watcher(threading.Thread):
    """`longest` is for how long a stream (a casino's messages in one partition of one topic) has stood still while it
    had messages to be dealt with, and which one. The time of the server's restarts does not count."""

    def __init__(self, truth: Truth, healthy: Sequence[Casino]) -> None:
        super().__init__(name="watcher", daemon=True)
        self._truth = truth
        self._healthy = healthy
        self._ending = threading.Event()
        self._done: dict[Stream, int] = {}
        self._moved_at: dict[Stream, float] = {}
        self._excepted_seconds = 0.0
        self._excepted_since: float | None = None
        self.longest: tuple[float, Stream | None] = (0.0, None)

    @contextmanager
    def excepted(self) -> Iterator[None]:
        """The watcher's clock stands still in this block."""
        self._excepted_since = time.monotonic()
        yield
        self._excepted_seconds += time.monotonic() - self._excepted_since
        self._excepted_since = None

    def end(self) -> None:
        assert self.is_alive(), "nobody was watching"
        self._ending.set()
        self.join(30)

    def run(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            ends, now = dict(self._truth.ends), self._clock()
            for casino in self._healthy:
                try:
                    done = _done(casino)
                except Error:  # its connection was cut, or the server is being restarted
                    continue
                for stream, end in ends.items():
                    if stream[0] == casino.pk:
                        self._look(stream, done.get(stream, 0), end, now)

    def _look(self, stream: Stream, done: int, end: int, now: float) -> None:
        if done >= end or done > self._done.get(stream, 0):
            self._moved_at[stream] = now
        self._done[stream] = done
        self.longest = max(self.longest, (now - self._moved_at.setdefault(stream, now), stream), key=lambda it: it[0])

    def _clock(self) -> float:
        since = self._excepted_since
        return (time.monotonic() if since is None else since) - self._excepted_seconds


def _done(casino: Casino) -> dict[Stream, int]:
    with use_casino(casino.current):
        rows = PartitionOffset.objects.values_list("topic", "partition", "next_offset")
        return {(casino.pk, topic, partition): offset for topic, partition, offset in rows}
