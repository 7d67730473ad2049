"""Which casinos' databases are away, and when to try each again: a circuit breaker for each casino."""

import random
import time
from dataclasses import dataclass

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 30.0


@dataclass(slots=True)
class _Outage:
    reason: str
    seconds: float
    retry_at: float


class Availability:
    """What is known of the casinos' databases; times are of time.monotonic()."""

    def __init__(self) -> None:
        self._outages: dict[int, _Outage] = {}

    def is_away(self, casino_id: int) -> bool:
        """Whether it is too early to try again."""
        outage = self._outages.get(casino_id)
        return outage is not None and time.monotonic() < outage.retry_at

    def reason(self, casino_id: int) -> str:
        outage = self._outages.get(casino_id)
        return "messages before it wait" if outage is None else outage.reason

    def note_away(self, casino_id: int, reason: str) -> None:
        """Let the casino rest, each time twice as long; a little at random, so that consumers don't try in step."""
        outage = self._outages.get(casino_id)
        seconds = FIRST_RETRY_SECONDS if outage is None else min(outage.seconds * 2, LAST_RETRY_SECONDS)
        jitter = random.uniform(0.8, 1.2)
        self._outages[casino_id] = _Outage(reason, seconds, time.monotonic() + seconds * jitter)

    def note_back(self, casino_id: int) -> None:
        self._outages.pop(casino_id, None)

    def __len__(self) -> int:
        return len(self._outages)
