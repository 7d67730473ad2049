"""A consumer's configuration as a member of its topic's group."""

from typing import Any

from django.conf import settings

from ingestion.topics import Topic


def group_config(topic: Topic) -> dict[str, Any]:
    """The configuration of a member that commits its offsets itself."""
    session = settings.KAFKA_SESSION_SECONDS * 1000
    static = {"group.instance.id": f"{settings.KAFKA_GROUP_INSTANCE_ID}-{topic.name}"}
    return {
        "group.id": topic.group,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",  # a reset would silently skip messages that were deleted unread
        "session.timeout.ms": round(session),
        "heartbeat.interval.ms": round(session / 3),
        "partition.assignment.strategy": settings.KAFKA_ASSIGNMENT_STRATEGY,
        "topic.metadata.refresh.interval.ms": 30_000,  # the delay until added partitions are read
        "statistics.interval.ms": 3_000,  # show the consumer that it is connected
    } | (static if settings.KAFKA_GROUP_INSTANCE_ID else {})
