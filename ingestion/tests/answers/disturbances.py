"""Kills consumers, and stops one for longer than its feed may be silent, at random times."""

import random
import time
from contextlib import ExitStack

from ingestion.tests.chaos.consumers import Consumers

# Seconds until another consumer gets a stopped one's partitions. They stall until then, for longer than a feed may be
# silent.
SESSION_SECONDS = 10.0
_KILL_SECONDS, _STALL_SECONDS = (10.0, 50.0), (30.0, 90.0)  # seconds between two
_STALLED_SECONDS = 9.0, 15.0
_GRACE_SECONDS = 5.0  # seconds before the first


class Disturbances:
    """`stalls`: the number of times that a consumer was stopped."""

    def __init__(self, consumers: Consumers, rng: random.Random) -> None:
        self._consumers, self._rng = consumers, rng
        began = time.monotonic() + _GRACE_SECONDS
        self._kill_at = began
        self._stall_at = began + rng.uniform(*_KILL_SECONDS) / 2
        self._resumes_at = 0.0
        self._stopped = ExitStack()
        self.stalls = 0

    def turn(self) -> None:
        """Start and end the disturbances that are due."""
        rng, now = self._rng, time.monotonic()
        self._consumers.restart_ended()
        if now >= self._kill_at and self._consumers.kill_one(rng):
            self._kill_at = now + rng.uniform(*_KILL_SECONDS)
        if now >= self._resumes_at:
            self._stopped.close()
        if now >= self._stall_at:
            self._stall_at = now + rng.uniform(*_STALL_SECONDS)
            self._resumes_at = now + rng.uniform(*_STALLED_SECONDS)
            self._stopped.enter_context(self._consumers.one_stopped(rng, "odds"))
            self.stalls += 1

    def end(self) -> None:
        self._stopped.close()
