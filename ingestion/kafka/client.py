"""The configuration of Kafka clients, and the broker's state."""

import logging
import time
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from django.conf import settings

from ingestion.errors import BrokerUnavailable

from .connection_errors import connection_errors, listening
from .embedded_broker import running_embedded_broker

_RETRY_SECONDS = 0.2


def client_config(deadline: float | None = None) -> dict[str, Any]:
    """The configuration that every client needs. Waits until `deadline` (of time.monotonic) for an embedded broker to
    start. Raises BrokerUnavailable."""
    return {
        "bootstrap.servers": _bootstrap_servers(deadline),
        "logger": logging.getLogger("librdkafka"),
        "error_cb": connection_errors.record,
    }


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


def broker_state(seconds: float) -> str:
    """`ok` if the broker answers within `seconds`; `refused` if it does not because of this client's configuration, as
    a wrong password; else `unavailable`."""
    try:
        admin = AdminClient(client_config() | {"log_level": 2})
        with listening(admin):
            admin.list_topics(timeout=seconds)
    except BrokerUnavailable:
        return "unavailable"
    except KafkaException:
        return "refused" if connection_errors.is_refusal else "unavailable"
    return "ok"
