"""Prometheus metrics of the consumers and of the publisher."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter(
    "recsys_ingestion_messages",
    "Messages by outcome: stored, updated, skipped, parked, a rejection code, ..; casino is its id, or unknown.",
    ["topic", "casino", "outcome"],
)
BATCHES = Histogram(
    "recsys_ingestion_batch_messages",
    "Messages per batch.",
    ["topic"],
    buckets=(1, 10, 100, 500, 1_000, 2_000, 5_000),
)
STAGES = Histogram(
    "recsys_ingestion_stage_seconds",
    "Duration of a batch's stage: read (decode and validate), store, commit.",
    ["topic", "stage"],
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2, 10),
)
LAG = Gauge("recsys_ingestion_lag_messages", "Consumer lag in messages.", ["topic", "partition"])
LOST = Counter(
    "recsys_ingestion_lost_messages",
    "Offsets that the broker deleted before their messages were read, by topic; including parked messages.",
    ["topic"],
)
PARKED = Gauge("recsys_ingestion_parked_messages", "Parked messages, by topic.", ["topic"])
UNAVAILABLE = Gauge(
    "recsys_ingestion_casinos_away", "Casinos with an open circuit breaker: their messages are parked.", ["topic"]
)
BACKING_OFF = Gauge("recsys_ingestion_held_back", "1 while the consumer backs off: nothing can be stored.", ["topic"])

ATTRIBUTION_SECONDS = Histogram(
    "recsys_attribution_seconds",
    "Duration of a step of the attribution job in one casino, including steps without due coupons.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
ATTRIBUTION_DUE = Gauge(
    "recsys_attribution_due",
    "Coupons and recommendations that the attribution job has to process, by casino.",
    ["casino"],
)

EXPERIMENTS_STOPPED = Counter(
    "recsys_experiments_stopped", "Experiments that were stopped automatically, by reason: guard.", ["reason"]
)

PUBLISHED = Counter("recsys_recommendations_published", "Served recommendations delivered to the broker.")
DROPPED = Counter(
    "recsys_recommendations_dropped",
    "Served recommendations that were dropped, by reason: no_broker, queue_full, refused, not_delivered.",
    ["reason"],
)
