"""Limits each casino's rejected messages, before they all become dead letters, and tells one source's failures from
those of nearly all sources, whose cause is not theirs."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from ingestion.errors import RejectionLimitExceeded, TooManyRejections
from ingestion.messages.decoding import Rejection
from ingestion.outcomes import DecodedMessage

SEVERAL = 3  # so that two casinos together can't stop a consumer
NEARLY_ALL = 0.9
RECENT_SECONDS = 600.0

Source = int | None  # a casino's id; None: messages without a known casino

_BUCKETS = 20  # of a window; its length is exact to a twentieth


class SourceFailures:
    """The sources of the last ten minutes, and why some of them fail now."""

    def __init__(self) -> None:
        self._seen_at: dict[Source, float] = {}
        self._reasons: dict[Source, str] = {}

    def record_failure(self, source: Source, reason: str) -> None:
        self._seen_at[source] = time.monotonic()
        self._reasons[source] = reason

    def record_success(self, source: Source) -> None:
        self._seen_at[source] = time.monotonic()
        self._reasons.pop(source, None)

    def reasons_if_shared(self) -> dict[Source, str]:
        """The reasons of the failing sources if these are several and nearly all; else empty."""
        self._forget_old()
        failing = len(self._reasons)
        is_shared = failing >= SEVERAL and failing >= NEARLY_ALL * len(self._seen_at)
        return dict(self._reasons) if is_shared else {}

    def _forget_old(self) -> None:
        before = time.monotonic() - RECENT_SECONDS
        for source in [each for each, seen_at in self._seen_at.items() if seen_at < before]:
            del self._seen_at[source]
            self._reasons.pop(source, None)


def listed(sources: dict[Source, str]) -> str:
    """The sources by name, at most ten."""
    names = ["messages without a known casino" if each is None else f"casino {each}" for each in sources]
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


@dataclass(slots=True)
class _Batch:
    """The rejected messages among some messages of one source: their number, and the most in a row."""

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
            if isinstance(message.content, Rejection):
                runs[-1] += 1
                if not example:
                    example = f"{message.envelope.place}: {message.content.code}: {message.content.detail}"
            elif runs[-1] or len(runs) == 1:
                runs.append(0)
        return cls(len(messages), sum(runs), max(runs), runs[0], runs[-1], example)


class _Window:
    """One source's last `INGESTION_REJECTION_WINDOW` messages: how many are rejected, and how many in a row."""

    def __init__(self) -> None:
        self._buckets: deque[list[int]] = deque()  # [messages, rejected] each
        self._messages = self._rejected = self._run = 0

    def add(self, batch: _Batch) -> str:
        """Why the limit is exceeded; empty if it is not."""
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
    """Limits the share of rejections in a casino's last `INGESTION_REJECTION_WINDOW` messages of a topic, and those in
    a row. Beyond it the casino's messages are parked, so that an operator can look at them; other casinos' are stored.

    Messages without a known casino are one source. There is no database for which to park them, so they become dead
    letters in any case.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._windows: dict[Source, _Window] = {}
        self._exceeded: dict[Source, str] = {}
        self._failures = SourceFailures()

    def count(self, groups: Mapping[Source, Sequence[DecodedMessage]]) -> None:
        """Count a batch's messages, by source. Raises TooManyRejections if several sources, and nearly all, exceed the
        limit: then the cause is hardly in the messages."""
        example = ""
        for source, messages in groups.items():
            batch = _Batch.of(messages)
            reason = self._windows.setdefault(source, _Window()).add(batch)
            if reason:
                self._exceeded[source] = reason
                self._failures.record_failure(source, reason)
                example = batch.example or example
            else:
                self._exceeded.pop(source, None)
                self._failures.record_success(source)
        if shared := self._failures.reasons_if_shared():
            raise TooManyRejections(
                f"{self._topic}: nearly all sources' messages are rejected ({listed(shared)}), so the cause is "
                f"probably not in the messages. Example: {example or 'see the log'}. Nothing of the last batch was "
                "stored; it stays in Kafka. Fix the cause and restart; or raise INGESTION_REJECTION_RATIO and "
                "INGESTION_REJECTION_RUN."
            )

    def require(self, casino_id: int, messages: Sequence[DecodedMessage]) -> None:
        """Raises RejectionLimitExceeded if these messages, read or parked, are among those to park."""
        batch = _Batch.of(messages)
        is_run = batch.longest_run >= settings.INGESTION_REJECTION_RUN
        is_many = casino_id in self._exceeded or batch.messages >= settings.INGESTION_REJECTION_WINDOW
        if is_run or (is_many and _is_most(batch.rejected, batch.messages)):
            reason = self._exceeded.get(casino_id) or f"{batch.rejected} of {batch.messages} messages are rejected"
            raise RejectionLimitExceeded(
                f"{reason}, for example {batch.example}. Fix the sender or the settings, or make them dead letters "
                f"with `manage.py parked drain --topic {self._topic} --casino {casino_id}`"
            )


def _is_most(rejected: int, messages: int) -> bool:
    return bool(rejected > settings.INGESTION_REJECTION_RATIO * messages)
