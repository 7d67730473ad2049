"""The configuration of Kafka clients, and questions to the broker: is it reachable, which id has a topic."""

import logging
import time
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from django.conf import settings

from ingestion.errors import BrokerUnavailable

from .embedded_broker import running_embedded_broker

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 0.2
_MOCK_CLUSTER = "mockCluster"  # the embedded broker's cluster id begins with it


def client_config(deadline: float | None = None) -> dict[str, Any]:
    """What every client needs to reach the broker. Waits until `deadline` (of time.monotonic) for an embedded broker
    to appear; raises BrokerUnavailable."""
    return {"bootstrap.servers": _bootstrap_servers(deadline), "logger": logging.getLogger("librdkafka")}


def _bootstrap_servers(deadline: float | None) -> str:
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        return str(settings.KAFKA_BOOTSTRAP_SERVERS)
    while (servers := running_embedded_broker()) is None:
        if deadline is None or time.monotonic() > deadline:
            raise BrokerUnavailable(
                "No broker: set KAFKA_BOOTSTRAP_SERVERS, or start one with `manage.py run_embedded_broker`."
            )
        time.sleep(_RETRY_SECONDS)
    return servers


def is_broker_reachable(seconds: float) -> bool:
    """Whether the broker answers within this time."""
    try:
        AdminClient(client_config() | {"log_level": 2}).list_topics(timeout=seconds)
    except (BrokerUnavailable, KafkaException):
        return False
    return True


def topic_id_of(topic: str, cluster: str) -> str:
    """The broker's own id of the topic, which a topic of the same name that is made again does not have. Empty where
    the broker gives none, as the embedded one."""
    if cluster.startswith(_MOCK_CLUSTER):
        return ""
    admin = AdminClient(client_config())
    try:
        description = admin.describe_topics(TopicCollection([topic]), request_timeout=10)[topic].result()
    except KafkaException as error:
        logger.warning("The broker does not say the id of the topic %s: %s", topic, error.args[0].str())
        return ""
    return str(description.topic_id or "")
