"""How far the consumers are behind, for a page: measured beside the request, which waits for it a moment at most."""

import threading
import time
from dataclasses import dataclass

from confluent_kafka import KafkaException

from ingestion.errors import IngestionError
from ingestion.topics import TOPICS

from .lag import measure_lag

FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class TopicLag:
    """Messages of a topic that its consumers have still to read."""

    topic: str
    behind: int


class RecentLag:
    """The lags last measured. A broker that is away takes many seconds to say so; only one thread at a time asks it."""

    def __init__(self) -> None:
        self._asking: threading.Thread | None = None
        self._lock = threading.Lock()
        self._lags: list[TopicLag] | None = None
        self._measured_at = float("-inf")

    def get(self, *, wait: float) -> list[TopicLag] | None:
        """Each topic's lag, no older than some seconds; None if the broker does not answer within `wait` seconds."""
        with self._lock:
            if time.monotonic() - self._measured_at < FRESH_SECONDS:
                return self._lags
            if self._asking is None or not self._asking.is_alive():
                self._asking = threading.Thread(target=self._measure, name="recent-lag", daemon=True)
                self._asking.start()
            asking = self._asking
        asking.join(wait)
        return None if asking.is_alive() else self._lags

    def _measure(self) -> None:
        try:
            lags = [measure_lag(topic) for topic in TOPICS.values()]
            self._lags = [TopicLag(name, lag.messages - lag.done) for name, lag in zip(TOPICS, lags, strict=True)]
        except (IngestionError, KafkaException):
            self._lags = None
        self._measured_at = time.monotonic()


recent_lag = RecentLag()
