"""The problems of ingestion that `casino doctor` finds: parked and lost messages, too many dead letters, and dead
letters of earlier releases."""

from collections.abc import Iterator

from confluent_kafka import KafkaException

from ingestion.dead_letters.bounds import DeadLetterBounds
from ingestion.dead_letters.import_topics import earlier_topics
from ingestion.dead_letters.tables import DeadLetterQuery, Letters, LetterTable, in_each_table
from ingestion.errors import DeadLettersFull, IngestionError
from ingestion.kafka.client import broker_state
from ingestion.messages.lost import LOST
from tenants.lifecycle.doctor.findings import Finding
from tenants.models import Casino
from tenants.numbers import counted

_BROKER_SECONDS = 2.0


def parked_messages() -> Iterator[Finding]:
    """Parked messages. No finding while the broker does not answer: readiness reports that."""
    if broker_state(_BROKER_SECONDS) != "ok":
        return
    from .parked import list_parked  # imports all modules that store messages, which other processes don't need

    try:
        parked = list_parked()
    except (IngestionError, KafkaException):
        return
    casinos = Casino.objects.in_bulk([each.casino_id for each in parked])
    for each in parked:
        casino = casinos.get(each.casino_id) or f"casino {each.casino_id}"
        yield Finding(
            code="messages_parked",
            problem=f"{counted(each.count, 'message')} of {casino} parked in {each.topic} since "
            f"{each.since:%Y-%m-%d %H:%M}: {each.reason}",
            advice="Fix the cause; the consumers then store them within half a minute.",
            casino_id=each.casino_id,
        )


def unread_topics() -> Iterator[Finding]:
    """Topics in which an earlier release left dead letters."""
    if broker_state(_BROKER_SECONDS) != "ok":
        return
    try:
        topics = earlier_topics()
    except (IngestionError, KafkaException):
        return
    if topics:
        yield Finding(
            code="dead_letter_topics",
            problem=f"Dead letters of an earlier release are in the topics {', '.join(topics)}.",
            advice="Run `manage.py dead_letters import`, once no consumer of that release runs.",
        )


def full_dead_letters() -> Iterator[Finding]:
    """Casinos, and the catalogue, with the highest allowed number or size of open dead letters."""
    bounds = DeadLetterBounds()

    def require_capacity(table: LetterTable, letters: Letters) -> str:
        try:
            bounds.require_capacity(table.casino_id, letters)
        except DeadLettersFull as error:
            return str(error)
        return ""

    findings = in_each_table(DeadLetterQuery(), lambda *found: (found[0], require_capacity(*found)), lambda _: None)
    for table, problem in findings:
        if problem:
            yield Finding(
                code="dead_letters_full",
                problem=f"{problem}.",
                advice="Fix the cause; then replay or purge them.",
                casino_id=table.casino_id,
            )


def lost_messages() -> Iterator[Finding]:
    """Casinos whose messages the broker may have deleted before they were read, until an operator purges the dead
    letters about them."""
    query = DeadLetterQuery(reason=LOST)
    details = in_each_table(query, lambda table, letters: (table, _details(letters)), lambda _: None)
    for table, found in details:
        if found:
            more = f" ({counted(len(found) - 1, 'earlier loss', 'earlier losses')})" if found[1:] else ""
            yield Finding(
                code="messages_lost",
                problem=f"{found[-1]}{more}.",
                advice=f"Send them again; then run `manage.py dead_letters purge --reason {LOST}`.",
                casino_id=table.casino_id,
            )


def _details(letters: Letters) -> list[str]:
    return list(letters.order_by("pk").values_list("detail", flat=True))
