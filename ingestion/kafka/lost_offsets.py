"""Reports offsets that the broker deleted before a consumer read them."""

import logging

from ingestion import metrics

from .names import without_prefix

logger = logging.getLogger(__name__)


def report_lost(topic: str, partition: int, first: int, last: int) -> None:
    """Log and count these lost offsets. `topic` is the topic's name on the broker."""
    count = last - first + 1
    metrics.LOST.labels(without_prefix(topic)).inc(count)
    fields = {"topic": without_prefix(topic), "partition": partition, "first": first, "last": last}
    text = (
        "%s/%d: offsets %d to %d (%d) were deleted by the broker before they were read: send their contents again, and "
        "raise the topic's retention (docs/ingestion.md, Lost messages)"
    )
    logger.error(text, topic, partition, first, last, count, extra=fields)
