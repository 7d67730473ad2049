"""Limits each casino's rejected messages before all of them become dead letters, and distinguishes failures of one
casino from failures of nearly all casinos, which have a common cause."""

import logging
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from ingestion.errors import RejectionLimitExceeded, TooManyRejections
from ingestion.messages.reading import DecodedMessage

logger = logging.getLogger(__name__)

SEVERAL = 3  # two casinos together must not stop a consumer
NEARLY_ALL = 0.9
RECENT_SECONDS = 600.0
WARM_UP_SECONDS = RECENT_SECONDS  # a restarted consumer has not seen enough casinos yet

_BUCKETS = 20  # parts of a window, whose length is therefore exact to a twentieth


class CasinoFailures:
    """The active casinos of the last ten minutes, and the errors of those that fail now."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._seen_at: dict[int, float] = {}
        self._reasons: dict[int, str] = {}

    def record_failure(self, casino_id: int, reason: str) -> None:
        self._seen_at[casino_id] = time.monotonic()
        self._reasons[casino_id] = reason

    def record_success(self, casino_id: int) -> None:
        self._seen_at[casino_id] = time.monotonic()
        self._reasons.pop(casino_id, None)

    def reasons_if_shared(self) -> dict[int, str]:
        """The reasons of the failing casinos if these are several and nearly all of the active ones; else, and in the
        first `WARM_UP_SECONDS`, empty."""
        self._forget_old()
        failing = len(self._reasons)
        is_shared = failing >= SEVERAL and failing >= NEARLY_ALL * len(self._seen_at)
        is_warm = time.monotonic() - self._began >= WARM_UP_SECONDS
        return dict(self._reasons) if is_shared and is_warm else {}

    def _forget_old(self) -> None:
        before = time.monotonic() - RECENT_SECONDS
        for casino_id in [each for each, seen_at in self._seen_at.items() if seen_at < before]:
            del self._seen_at[casino_id]
            self._reasons.pop(casino_id, None)


def listed(casino_ids: Iterable[int]) -> str:
    """The casinos by name, at most ten."""
    names = [f"casino {each}" for each in sorted(casino_ids)]
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


@dataclass(slots=True)
class _Batch:
    """The rejections among some messages of one casino: their number, and the longest series of them."""

    messages: int
    rejected: int
    longest_run: int
    first_run: int
    last_run: int
    example: str

    @classmethod
    def of(cls, messages: Sequence[DecodedMessage]) -> "_Batch":
        runs, example = [0], ""
        for message in messages:
            if (rejection := message.rejection) is not None:
                runs[-1] += 1
                if not example:
                    example = f"{message.envelope.place}: {rejection.code}: {rejection.detail}"
            elif runs[-1] or len(runs) == 1:
                runs.append(0)
        return cls(len(messages), sum(runs), max(runs), runs[0], runs[-1], example)


class _Window:
    """One casino's last `INGESTION_REJECTION_WINDOW` messages: the number of rejections, and of rejections in a row."""

    def __init__(self) -> None:
        self._buckets: deque[list[int]] = deque()  # [messages, rejected] each
        self._messages = self._rejected = self._run = 0

    def add(self, batch: _Batch) -> str:
        """Add a batch. Returns the reason for exceeding the limit; empty if it is not exceeded."""
        longest = max(batch.longest_run, self._run + batch.first_run if batch.first_run else 0)
        self._run = self._run + batch.messages if batch.rejected == batch.messages else batch.last_run
        self._append(batch)
        if longest >= settings.INGESTION_REJECTION_RUN:
            return f"{longest} messages in a row are rejected"
        if self._messages >= settings.INGESTION_REJECTION_WINDOW and _is_most(self._rejected, self._messages):
            return f"{self._rejected} of the last {self._messages} messages are rejected"
        return ""

    def _append(self, batch: _Batch) -> None:
        if not self._buckets or self._buckets[-1][0] * _BUCKETS >= settings.INGESTION_REJECTION_WINDOW:
            self._buckets.append([0, 0])
        self._buckets[-1][0] += batch.messages
        self._buckets[-1][1] += batch.rejected
        self._messages += batch.messages
        self._rejected += batch.rejected
        while self._messages - self._buckets[0][0] >= settings.INGESTION_REJECTION_WINDOW:
            messages, rejected = self._buckets.popleft()
            self._messages -= messages
            self._rejected -= rejected


class RejectionLimit:
    """Limits the share of rejections in a casino's last `INGESTION_REJECTION_WINDOW` messages of a topic, and the
    number in a row. Beyond the limit, the casino's messages are parked if the topic parks rejected ones, so that an
    operator can examine them; other casinos' messages are stored.

    Messages without a known casino do not count, since any sender can write them, and no database would ever store
    them: they become dead letters in any case.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._windows: dict[int, _Window] = {}
        self._exceeded: dict[int, str] = {}
        self._failures = CasinoFailures()

    def count(self, groups: Mapping[int, Sequence[DecodedMessage]]) -> None:
        """Count a batch's messages, by casino. Raises TooManyRejections if several casinos, and nearly all, exceed the
        limit: the cause is then probably not in the messages."""
        example = ""
        for casino_id, messages in groups.items():
            batch = _Batch.of(messages)
            reason = self._windows.setdefault(casino_id, _Window()).add(batch)
            if reason:
                if casino_id not in self._exceeded:
                    logger.warning("%s: casino %d exceeds the rejection limit: %s", self._topic, casino_id, reason)
                self._exceeded[casino_id] = reason
                self._failures.record_failure(casino_id, reason)
                example = batch.example or example
            else:
                self._exceeded.pop(casino_id, None)
                self._failures.record_success(casino_id)
        if shared := self._failures.reasons_if_shared():
            raise TooManyRejections(
                f"{self._topic}: nearly all casinos' messages are rejected ({listed(shared)}), so the cause is "
                f"probably not in the messages. Example: {example or 'see the log'}. Nothing of the last batch was "
                "stored; it stays in Kafka. Fix the cause and restart; or raise INGESTION_REJECTION_RATIO and "
                "INGESTION_REJECTION_RUN."
            )

    def require(self, casino_id: int, messages: Sequence[DecodedMessage]) -> None:
        """Raises RejectionLimitExceeded if these messages, newly read or parked, must be parked."""
        batch = _Batch.of(messages)
        is_run = batch.longest_run >= settings.INGESTION_REJECTION_RUN
        is_many = casino_id in self._exceeded or batch.messages >= settings.INGESTION_REJECTION_WINDOW
        if is_run or (is_many and _is_most(batch.rejected, batch.messages)):
            reason = self._exceeded.get(casino_id) or f"{batch.rejected} of {batch.messages} messages are rejected"
            raise RejectionLimitExceeded(
                f"{reason}, for example {batch.example}. Fix the sender or the settings, or store them as dead letters "
                f"with `manage.py parked drain --topic {self._topic} --casino {casino_id}`"
            )


def _is_most(rejected: int, messages: int) -> bool:
    return bool(rejected > settings.INGESTION_REJECTION_RATIO * messages)
