"""Tracks the casinos whose databases are unavailable, and the next time to try each."""

import random
import time
from collections.abc import Collection
from dataclasses import dataclass

FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 30.0
_SHOWN = 5


@dataclass(slots=True)
class _Outage:
    reason: str
    is_database_usable: bool
    backoff_seconds: float
    retry_at: float


class CircuitBreaker:
    """The unavailable casino databases, and the next time to try each (in time.monotonic() seconds)."""

    def __init__(self) -> None:
        self._outages: dict[int, _Outage] = {}

    def is_open(self, casino_id: int) -> bool:
        """Whether it is too early to try the casino's database again."""
        outage = self._outages.get(casino_id)
        return outage is not None and time.monotonic() < outage.retry_at

    def reason(self, casino_id: int) -> str:
        """The reason for parking the casino's messages."""
        outage = self._outages.get(casino_id)
        return "earlier messages are still parked" if outage is None else outage.reason

    def is_usable(self, casino_id: int) -> bool:
        """Whether the casino's database can be written to, even if its messages are parked for another reason."""
        outage = self._outages.get(casino_id)
        return outage is None or outage.is_database_usable or time.monotonic() >= outage.retry_at

    def record_failure(self, casino_id: int, reason: str, *, is_database_usable: bool = False) -> None:
        """Open the circuit, with exponential backoff and jitter, so that consumers do not retry at the same time."""
        outage = self._outages.get(casino_id)
        seconds = FIRST_RETRY_SECONDS if outage is None else min(outage.backoff_seconds * 2, LAST_RETRY_SECONDS)
        jitter = random.uniform(0.8, 1.2)
        self._outages[casino_id] = _Outage(reason, is_database_usable, seconds, time.monotonic() + seconds * jitter)

    def record_pause(self, casino_id: int, reason: str, seconds: float) -> None:
        """Open the circuit for this number of seconds."""
        self._outages[casino_id] = _Outage(reason, False, FIRST_RETRY_SECONDS, time.monotonic() + seconds)

    def record_success(self, casino_id: int) -> None:
        self._outages.pop(casino_id, None)

    def forget_unparked(self, parked: Collection[int]) -> None:
        """Forget the casinos without parked messages whose next try is due: their messages were deleted, or are another
        consumer's now."""
        now = time.monotonic()
        self._outages = {
            casino_id: outage
            for casino_id, outage in self._outages.items()
            if casino_id in parked or now < outage.retry_at
        }

    def describe(self) -> str:
        """The casinos and reasons, at most five; empty if there are none."""
        outages = [*self._outages.items()]
        texts = [f"casino {casino_id} are parked: {outage.reason}" for casino_id, outage in outages[:_SHOWN]]
        return "; of ".join(texts) + (f"; and of {len(outages) - _SHOWN} more" if len(outages) > _SHOWN else "")

    def __len__(self) -> int:
        return len(self._outages)
