"""The configuration of Kafka clients, and requests to the broker that need no topic: reachability, topic ids."""

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
    """The configuration that every client needs. Waits until `deadline` (of time.monotonic) for an embedded broker to
    start. Raises BrokerUnavailable."""
    return {"bootstrap.servers": _bootstrap_servers(deadline), "logger": logging.getLogger("librdkafka")}


def _bootstrap_servers(deadline: float | None) -> str:
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        return str(settings.KAFKA_BOOTSTRAP_SERVERS)
    while (servers := running_embedded_broker()) is None:
        if deadline is None or time.monotonic() > deadline:
            raise BrokerUnavailable(
                "No Kafka broker: set KAFKA_BOOTSTRAP_SERVERS, or run `manage.py run_embedded_broker`."
            )
        time.sleep(_RETRY_SECONDS)
    return servers


def is_broker_reachable(seconds: float) -> bool:
    """Whether the broker answers within `seconds`."""
    try:
        AdminClient(client_config() | {"log_level": 2}).list_topics(timeout=seconds)
    except (BrokerUnavailable, KafkaException):
        return False
    return True


def topic_id_of(topic: str, cluster: str) -> str:
    """The broker's id of the topic, which changes when the topic is recreated. Empty if the broker has none, as the
    embedded one."""
    if cluster.startswith(_MOCK_CLUSTER):
        return ""
    admin = AdminClient(client_config())
    try:
        description = admin.describe_topics(TopicCollection([topic]), request_timeout=10)[topic].result()
    except KafkaException as error:
        logger.warning("The broker returned no id of topic %s; continuing without one: %s", topic, error.args[0].str())
        return ""
    return str(description.topic_id or "")
