"""The topics: what a message of each means, and how it is stored."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from django.conf import settings

from recommendations.storing import Outcome, store_coupons, store_events, store_users

from .brokers import client_config
from .errors import BrokerUnavailable
from .messages import Decode, decode_coupon, decode_event, decode_user

logger = logging.getLogger(__name__)

PARTITIONS = 3
_RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    decode: Decode
    store: Callable[[Sequence[Any]], list[Outcome]]

    @property
    def group(self) -> str:
        """The consumer group that stores this topic's messages."""
        return f"recsys-{self.name}"


EVENTS = Topic("events", decode_event, store_events)
COUPONS = Topic("coupons", decode_coupon, store_coupons)
USERS = Topic("users", decode_user, store_users)

TOPICS = {topic.name: topic for topic in (EVENTS, COUPONS, USERS)}


def create_topics() -> list[str]:
    """Make the topics that are missing, three partitions each, and answer their names.

    Waits for a broker that is still starting, up to `KAFKA_STARTUP_SECONDS`; then raises BrokerUnavailable.
    """
    deadline = time.monotonic() + settings.KAFKA_STARTUP_SECONDS
    admin = AdminClient(client_config(deadline))
    while True:
        try:
            return _create_missing(admin, timeout=min(5, max(deadline - time.monotonic(), 0.5)))
        except KafkaException as error:
            reason = error.args[0].str()
            if time.monotonic() > deadline:
                patience = f"{settings.KAFKA_STARTUP_SECONDS:.0f} s"
                raise BrokerUnavailable(f"The topics could not be had within {patience}: {reason}") from error
            logger.info("Waiting for the broker: %s", reason)
            time.sleep(_RETRY_SECONDS)


def _create_missing(admin: AdminClient, timeout: float) -> list[str]:
    missing = sorted(set(TOPICS) - set(admin.list_topics(timeout=timeout).topics))
    new = [NewTopic(name, PARTITIONS, settings.KAFKA_REPLICATION_FACTOR) for name in missing]
    for future in admin.create_topics(new).values() if new else ():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was quicker
                raise
    return missing
