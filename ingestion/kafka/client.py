"""Creates Kafka's clients, all with the same settings, and reports the broker's state."""

import contextvars
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from django.conf import settings

from ingestion.errors import BrokerUnavailable, InvalidKafkaSettings

from .client_options import client_options
from .connection_errors import connection_errors, listening
from .embedded_broker import running_embedded_broker
from .security import security_options

C = TypeVar("C")

_RETRY_SECONDS = 0.2

_logger = logging.getLogger("librdkafka")
# Forwarders rely on enable.gapless.guarantee, in librdkafka since 2019: its warning at each start is dropped.
_logger.addFilter(lambda record: "enable.gapless.guarantee is experimental" not in record.getMessage())


def new_admin(*, deadline: float | None = None, **options: Any) -> AdminClient:
    """An admin client. Waits until `deadline` (of time.monotonic) for an embedded broker to start. Raises
    BrokerUnavailable."""
    return _create(AdminClient, client_config(deadline) | options)


def new_producer(options: dict[str, Any]) -> Producer:
    """A producer with these options. Raises BrokerUnavailable."""
    return _create(Producer, client_config() | options)


def new_consumer(options: dict[str, Any]) -> Consumer:
    """A consumer with these options. Raises BrokerUnavailable."""
    return _create(Consumer, client_config() | options)


def close_within(consumer: Consumer, seconds: float) -> None:
    """Leave the group and close the consumer. librdkafka waits without limit for a broker that does not answer a
    commit: after `seconds` a daemon thread keeps the consumer, and the group waits for the end of the member's
    session."""
    closing = threading.Thread(target=contextvars.copy_context().run, args=(consumer.close,), daemon=True)
    closing.start()
    closing.join(seconds)
    if closing.is_alive():
        _logger.warning("The broker did not answer within %g s: left without closing the consumer.", seconds)


def client_config(deadline: float | None = None) -> dict[str, Any]:
    """The configuration that every client needs. Waits until `deadline` (of time.monotonic) for an embedded broker to
    start. Raises BrokerUnavailable."""
    return {
        **client_options(),
        **security_options(),
        "bootstrap.servers": _bootstrap_servers(deadline),
        "logger": _logger,
        "error_cb": connection_errors.record,
    }


def _create(kind: Callable[[dict[str, Any]], C], config: dict[str, Any]) -> C:
    try:
        return kind(config)
    except KafkaException as error:
        raise InvalidKafkaSettings(
            f"No Kafka client can be created with the variables KAFKA_..: {error.args[0].str()}"
        ) from error


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
    """`ok` if the broker answers within `seconds`; `refused` if this client's configuration prevents it, such as a
    wrong password; else `unavailable`."""
    try:
        admin = new_admin(log_level=2)
        with listening(admin):
            admin.list_topics(timeout=seconds)
    except InvalidKafkaSettings:
        return "refused"
    except BrokerUnavailable:
        return "unavailable"
    except KafkaException:
        return "refused" if connection_errors.is_refusal else "unavailable"
    return "ok"
