"""The options of librdkafka that `KAFKA_CLIENT_<OPTION>` may and may not set."""

from collections.abc import Iterator

from django.conf import settings

from .security import SETTING_OF_OPTION

_UNDERSCORED = {"log.level": "log_level"}  # the only option with an underscore in its name

_OTHER_SETTING = {
    **SETTING_OF_OPTION,
    "sasl.mechanisms": "KAFKA_SASL_MECHANISM",
    "bootstrap.servers": "KAFKA_BOOTSTRAP_SERVERS",
    "metadata.broker.list": "KAFKA_BOOTSTRAP_SERVERS",
    "group.id": "KAFKA_GROUP_PREFIX",
    "group.instance.id": "KAFKA_GROUP_INSTANCE_ID",
    "session.timeout.ms": "KAFKA_SESSION_SECONDS",
    "partition.assignment.strategy": "KAFKA_ASSIGNMENT_STRATEGY",
}

_OFFSETS = "offsets are committed only after their messages are stored"
_DELIVERY = "parked and replayed messages and served recommendations must be delivered once and in their order"
_ALL_READ = "no message of a topic may be skipped, and none of an aborted transaction may be stored"
_CHOSEN_BY_SERVICE = "the service chooses it for each client"

# Option -> the reason why it can't be set: a guarantee depends on it, or on its value for one of the service's clients.
_RESERVED = {
    **dict.fromkeys(
        (
            "enable.auto.commit",
            "auto.commit.enable",
            "auto.commit.interval.ms",
            "enable.auto.offset.store",
            "offset.store.method",
            "group.protocol",
            "group.remote.assignor",
        ),
        _OFFSETS,
    ),
    **dict.fromkeys(("auto.offset.reset", "isolation.level", "enable.partition.eof"), _ALL_READ),
    **dict.fromkeys(
        (
            "acks",
            "request.required.acks",
            "enable.idempotence",
            "enable.gapless.guarantee",
            "transactional.id",
            "max.in.flight",
            "max.in.flight.requests.per.connection",
            "message.timeout.ms",
            "delivery.timeout.ms",
            "retries",
            "message.send.max.retries",
            "queuing.strategy",
            "message.max.bytes",
        ),
        _DELIVERY,
    ),
    **dict.fromkeys(
        (
            "heartbeat.interval.ms",
            "linger.ms",
            "queue.buffering.max.ms",
            "queue.buffering.max.messages",
            "statistics.interval.ms",
            "topic.metadata.refresh.interval.ms",
        ),
        _CHOSEN_BY_SERVICE,
    ),
    "allow.auto.create.topics": "topics need the settings that `manage.py create_topics` gives them",
    "test.mock.num.brokers": "messages would go to a broker in memory",
}


def client_options() -> dict[str, str]:
    return {_UNDERSCORED.get(option, option): value for option, value in settings.KAFKA_CLIENT_OPTIONS.items()}


def variable_of(option: str) -> str:
    """The variable that sets the option."""
    return f"KAFKA_CLIENT_{option.upper().replace('.', '_')}"


def refused_options() -> Iterator[str]:
    """A line for each option that `KAFKA_CLIENT_<OPTION>` must not set."""
    for option in client_options():
        if option in _OTHER_SETTING:
            yield f"{variable_of(option)} is not the variable for this: set {_OTHER_SETTING[option]}."
        elif option in _RESERVED:
            yield f"{variable_of(option)} can't be set: {_RESERVED[option]}. Unset it."
