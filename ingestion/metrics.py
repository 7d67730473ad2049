"""What is counted and measured, for Prometheus: by the consumers, and by what publishes."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import Counter as CounterMetric
from prometheus_client import Gauge, Histogram

MESSAGES = CounterMetric(
    "recsys_ingestion_messages",
    "Messages by what became of them: stored, updated, duplicate, parked, or the code of a rejection.",
    ["topic", "casino", "outcome"],
)
BATCHES = Histogram(
    "recsys_ingestion_batch_messages", "Messages of a batch.", ["topic"], buckets=(1, 10, 100, 500, 1_000, 2_000, 5_000)
)
STAGES = Histogram(
    "recsys_ingestion_stage_seconds",
    "Time that a batch takes in a stage: read (decode and validate), store, commit, drain.",
    ["topic", "stage"],
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2, 10),
)
LAG = Gauge("recsys_ingestion_lag_messages", "Messages that are still to be read.", ["topic", "partition"])
PARKED = Gauge("recsys_ingestion_parked_messages", "Messages that wait for their casinos' databases.", ["topic"])
AWAY = Gauge("recsys_ingestion_casinos_away", "Casinos whose breaker is open, since their database is away.", ["topic"])
HELD_BACK = Gauge("recsys_ingestion_held_back", "1 while nothing can be stored for anybody.", ["topic"])

PUBLISHED = CounterMetric("recsys_recommendations_published", "Recommendations served that the broker has taken.")
DROPPED = CounterMetric(
    "recsys_recommendations_dropped",
    "Recommendations served that will not be stored: no_broker, queue_full, refused, not_delivered.",
    ["reason"],
)


@contextmanager
def stage(topic: str, name: str) -> Iterator[None]:
    began = perf_counter()
    try:
        yield
    finally:
        STAGES.labels(topic, name).observe(perf_counter() - began)


def count_messages(topic: str, outcomes: Counter[tuple[int | None, str]]) -> None:
    """Count (casino, outcome) -> messages."""
    for (casino_id, outcome), count in outcomes.items():
        MESSAGES.labels(topic, "" if casino_id is None else str(casino_id), outcome).inc(count)
