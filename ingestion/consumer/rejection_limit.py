"""When so many messages are rejected that the consumer had better stop than empty its topic into dead letters."""

from collections import Counter, deque
from collections.abc import Iterable

from django.conf import settings

from ingestion.errors import TooManyRejections
from ingestion.messages.decoding import Rejection
from ingestion.storing.casinos import asking_catalogue
from tenants.models import Casino

Message = tuple[int | None, bool]  # whose, and whether it is rejected


class RejectionLimit:
    """Looks at a topic's last `INGESTION_REJECTION_WINDOW` messages, and at how many were rejected in a row.

    One casino's garbage is that casino's affair, and goes to the dead letters whatever its share: it must not stop the
    others. So the casino with the most rejections is left out of account, unless it is the only one there is.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._window: deque[Message] = deque(maxlen=settings.INGESTION_REJECTION_WINDOW)
        self._run: Counter[int | None] = Counter()

    def check(self, messages: Iterable[tuple[int | None, object]]) -> None:
        """Count messages in, given as (casino, what the message brings). Raises TooManyRejections, AllDatabasesUnavailable."""
        for casino_id, content in messages:
            is_rejected = isinstance(content, Rejection)
            self._window.append((casino_id, is_rejected))
            if is_rejected:
                self._run[casino_id] += 1
            elif self._run:
                self._require_short_run()
                self._run.clear()
        self._require_short_run()
        self._require_low_share()

    def _require_short_run(self) -> None:
        if self._run.total() < settings.INGESTION_REJECTION_RUN:
            return
        rejected = _without_worst(self._run, self._run)
        if rejected >= settings.INGESTION_REJECTION_RUN:
            self._stop(f"{self._run.total()} messages in a row are rejected")

    def _require_low_share(self) -> None:
        if len(self._window) < (self._window.maxlen or 0):
            return
        rejected = Counter(casino_id for casino_id, is_rejected in self._window if is_rejected)
        if rejected.total() <= settings.INGESTION_REJECTION_RATIO * len(self._window):
            return
        every = Counter(casino_id for casino_id, _ in self._window)
        counting = _without_worst(every, rejected)
        if _without_worst(rejected, rejected) > settings.INGESTION_REJECTION_RATIO * counting > 0:
            self._stop(f"{rejected.total()} of the last {len(self._window)} messages are rejected")

    def _stop(self, why: str) -> None:
        raise TooManyRejections(
            f"{self._topic}: {why}, so that the fault is hardly the messages'. The last batch was not stored and waits "
            f"in Kafka. Look at the dead letters (manage.py dead_letters list --topic {self._topic}), mend what is "
            f"wrong and start again; or raise INGESTION_REJECTION_RATIO and INGESTION_REJECTION_RUN."
        )


def _without_worst(counts: Counter[int | None], rejected: Counter[int | None]) -> int:
    """The sum of `counts` without the casino that has the most rejections, if there is any other casino."""
    if not rejected:
        return counts.total()
    [(worst, _)] = rejected.most_common(1)
    is_alone = len(counts) == 1 and not _has_others(worst)
    return counts.total() if is_alone else counts.total() - counts[worst]


def _has_others(casino_id: int | None) -> bool:
    with asking_catalogue():
        return Casino.objects.living().exclude(pk=casino_id or 0).exists()
