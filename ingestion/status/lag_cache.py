"""Consumer lag for pages: a background thread measures it, and a request waits only a moment for it."""

import threading
import time
from dataclasses import dataclass

from confluent_kafka import KafkaException

from ingestion.errors import IngestionError
from ingestion.topics import TOPICS
from tenants.process_state import register

from .lag import measure_lag

TTL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class TopicLag:
    """A topic's consumer lag in messages."""

    topic: str
    lag: int


class LagCache:
    """Caches the latest measurement. A request to an unavailable broker takes many seconds, so only one thread at a
    time makes one."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._measuring: threading.Thread | None = None
        self._lags: list[TopicLag] | None = None
        self._measured_at = float("-inf")

    def get(self, *, wait: float) -> list[TopicLag] | None:
        """Each topic's lag, at most 5 s old; None if the broker does not answer within `wait` seconds."""
        with self._lock:
            if time.monotonic() - self._measured_at < TTL_SECONDS:
                return self._lags
            if self._measuring is None or not self._measuring.is_alive():
                self._measuring = threading.Thread(target=self._measure, name="consumer-lag", daemon=True)
                self._measuring.start()
            measuring = self._measuring
        measuring.join(wait)
        return None if measuring.is_alive() else self._lags

    def _measure(self) -> None:
        try:
            lags = [measure_lag(topic) for topic in TOPICS.values()]
            self._lags = [TopicLag(name, lag.messages - lag.done) for name, lag in zip(TOPICS, lags, strict=True)]
        except (IngestionError, KafkaException):
            self._lags = None
        self._measured_at = time.monotonic()


lag_cache = LagCache()
register("cached consumer lag", reset=lag_cache.reset)
