"""The names of topics and consumer groups on the broker, with the prefixes of this installation (`topics.Topic`)."""

from django.conf import settings


def without_prefix(topic: str) -> str:
    return topic.removeprefix(settings.KAFKA_TOPIC_PREFIX)


def reading_group() -> str:
    """The group of clients outside of the consumers' groups. It commits no offsets."""
    return f"{settings.KAFKA_GROUP_PREFIX}recsys-reading"
