"""What `casino doctor` finds in Kafka: casinos whose messages are parked."""

from collections.abc import Iterator

from confluent_kafka import KafkaException

from ingestion.errors import IngestionError
from ingestion.kafka.client import broker_state
from tenants.lifecycle.doctor.findings import Finding
from tenants.models import Casino

from .parked import list_parked

_BROKER_SECONDS = 2.0


def parked_messages() -> Iterator[Finding]:
    """Nothing while the broker does not answer: then readiness tells that."""
    if broker_state(_BROKER_SECONDS) != "ok":
        return
    try:
        parked = list_parked()
    except (IngestionError, KafkaException):
        return
    casinos = Casino.objects.in_bulk([each.casino_id for each in parked])
    for each in parked:
        casino = casinos.get(each.casino_id) or f"casino {each.casino_id}"
        yield Finding(
            code="messages_parked",
            problem=f"{each.count} messages of {casino} are parked in {each.topic} since {each.since:%Y-%m-%d %H:%M}: "
            f"{each.reason}",
            advice="Remove the reason; then the consumers store them within half a minute.",
            casino_id=each.casino_id,
        )
