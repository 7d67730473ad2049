"""Stops the consumer when it rejects too many messages, before they all become dead letters."""

from collections import Counter, deque
from collections.abc import Iterable

from django.conf import settings

from ingestion.errors import TooManyRejections
from ingestion.messages.decoding import Rejection
from ingestion.storing.dispatch import catalogue_required
from tenants.models import Casino


class RejectionLimit:
    """Limits the share of rejections in a topic's last `INGESTION_REJECTION_WINDOW` messages, and those in a row.

    One casino's malformed messages must not stop the others. So the casino with the most rejections does not count,
    unless it is the only casino.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        # (casino id, whether the message is rejected)
        self._window: deque[tuple[int | None, bool]] = deque(maxlen=settings.INGESTION_REJECTION_WINDOW)
        self._in_a_row: Counter[int | None] = Counter()

    def check(self, messages: Iterable[tuple[int | None, object]]) -> None:
        """Count messages, each (casino id, decoded content). Raises TooManyRejections, AllDatabasesUnavailable."""
        for casino_id, content in messages:
            is_rejected = isinstance(content, Rejection)
            self._window.append((casino_id, is_rejected))
            if is_rejected:
                self._in_a_row[casino_id] += 1
            elif self._in_a_row:
                self._require_few_in_a_row()
                self._in_a_row.clear()
        self._require_few_in_a_row()
        self._require_low_share()

    def _require_few_in_a_row(self) -> None:
        if self._in_a_row.total() < settings.INGESTION_REJECTION_RUN:
            return
        rejected = _without_worst(self._in_a_row, self._in_a_row)
        if rejected >= settings.INGESTION_REJECTION_RUN:
            self._stop(f"{self._in_a_row.total()} messages in a row are rejected")

    def _require_low_share(self) -> None:
        if len(self._window) < (self._window.maxlen or 0):
            return
        rejected = Counter(casino_id for casino_id, is_rejected in self._window if is_rejected)
        if rejected.total() <= settings.INGESTION_REJECTION_RATIO * len(self._window):
            return
        messages = Counter(casino_id for casino_id, _ in self._window)
        counted = _without_worst(messages, rejected)
        if _without_worst(rejected, rejected) > settings.INGESTION_REJECTION_RATIO * counted > 0:
            self._stop(f"{rejected.total()} of the last {len(self._window)} messages are rejected")

    def _stop(self, reason: str) -> None:
        raise TooManyRejections(
            f"{self._topic}: {reason}, so the cause is probably not in the messages. The last batch was not stored and "
            f"stays in Kafka. See the dead letters (manage.py dead_letters list --topic {self._topic}), fix the cause "
            f"and restart; or raise INGESTION_REJECTION_RATIO and INGESTION_REJECTION_RUN."
        )


def _without_worst(counts: Counter[int | None], rejected: Counter[int | None]) -> int:
    """The sum of `counts` without the casino that has the most rejections, if there is any other casino."""
    if not rejected:
        return counts.total()
    [(worst, _)] = rejected.most_common(1)
    is_only_casino = len(counts) == 1 and not _has_others(worst)
    return counts.total() if is_only_casino else counts.total() - counts[worst]


def _has_others(casino_id: int | None) -> bool:
    with catalogue_required():
        return Casino.objects.living().exclude(pk=casino_id or 0).exists()
