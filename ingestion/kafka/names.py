"""The names of topics and consumer groups on the broker: with the prefixes of this installation."""

from django.conf import settings


def topic_on_broker(name: str) -> str:
    return f"{settings.KAFKA_TOPIC_PREFIX}{name}"


def without_prefix(topic: str) -> str:
    return topic.removeprefix(settings.KAFKA_TOPIC_PREFIX)


def group_on_broker(name: str) -> str:
    return f"{settings.KAFKA_GROUP_PREFIX}{name}"


def reading_group() -> str:
    """The group of clients that read outside of the consumers' groups. It commits nothing."""
    return group_on_broker("recsys-reading")
