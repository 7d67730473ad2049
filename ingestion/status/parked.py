"""The messages that are parked, over all topics: whose they are, why they wait, and storing them by hand."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
from django.db import Error

from ingestion.kafka.forwarder import Forwarder
from ingestion.kafka.partition_reader import read_partition
from ingestion.kafka.watermarks import watermarks
from ingestion.messages.envelope import Envelope, header, read_headers
from ingestion.outcomes import MessageResult
from ingestion.parking.parking import AT_HEADER, REASON_HEADER, unpark
from ingestion.storing.casinos import find_casinos
from ingestion.storing.dispatch import CasinoStore
from ingestion.storing.ledger import Mark, Stream, read_marks, stream_of
from ingestion.topics import TOPICS, Topic
from tenants.models.casino import READY_STATES
from tenants.routing.context import use_casino

_CHUNK = 2_000


class ParkedMessage(msgspec.Struct):
    """A message as it came, and why and when it was parked."""

    envelope: Envelope
    reason: str
    at: datetime


class Parked(msgspec.Struct):
    """The messages of one casino and topic that wait: how many, since when, and why the last one was parked."""

    topic: str
    casino_id: int
    count: int
    since: datetime
    reason: str


def list_parked(topics: Iterable[Topic] = tuple(TOPICS.values()), casino_id: int | None = None) -> list[Parked]:
    """What waits, by topic and casino. Raises KafkaException, AllDatabasesUnavailable."""
    found: dict[tuple[str, int], Parked] = {}
    for topic in topics:
        for message in _waiting(topic, casino_id):
            whose = message.envelope.casino_id or 0
            parked = found.setdefault((topic.name, whose), Parked(topic.name, whose, 0, message.at, ""))
            parked.count, parked.reason = parked.count + 1, message.reason
    return [found[key] for key in sorted(found)]


def drain_parked(topics: Iterable[Topic] = tuple(TOPICS.values()), casino_id: int | None = None) -> Counter[str]:
    """Store what waits, where the casinos' databases are back; answers what became of how many.

    The consumers do so by themselves. This does not wait for them, and does not disturb them: they find in the ledgers
    what was stored. Raises KafkaException, AllDatabasesUnavailable, NotDelivered.
    """
    done = Counter[str]()
    for topic in topics:
        store = CasinoStore(topic, Forwarder(), lambda verdicts: done.update(_outcomes(verdicts)))
        away: set[int] = set()
        for whose, envelopes in _chunks(_waiting(topic, casino_id)):
            if whose in away or not store.settle(whose, envelopes):
                away.add(whose)  # also of what comes later: it must not overtake
                done["still parked"] += len(envelopes)
    return done


def _chunks(messages: Iterable[ParkedMessage]) -> Iterator[tuple[int, list[Envelope]]]:
    """The messages of one casino each, in their order."""
    groups: dict[int, list[Envelope]] = {}
    for message in messages:
        whose = message.envelope.casino_id or 0
        groups.setdefault(whose, []).append(message.envelope)
        if len(groups[whose]) == _CHUNK:
            yield whose, groups.pop(whose)
    yield from groups.items()


def _outcomes(verdicts: Iterable[MessageResult]) -> Iterator[str]:
    return (verdict.outcome for verdict in verdicts)


def _waiting(topic: Topic, casino_id: int | None) -> Iterator[ParkedMessage]:
    """The parked messages that the ledgers don't know as done with, in their order."""
    marks: dict[int, dict[Stream, Mark]] = {}
    for partition, (_, end, first) in watermarks(topic.parked, topic.group).items():
        for batch in read_partition(topic.parked, partition, first, end):
            for message in map(_open, batch):
                whose = message.envelope.casino_id or 0
                if casino_id in {None, whose}:
                    if whose not in marks:
                        marks[whose] = _marks(topic, whose)
                    if not _is_done(marks[whose], message.envelope):
                        yield message


def _open(message: object) -> ParkedMessage:
    headers = read_headers(message)
    reason = (header(headers, REASON_HEADER) or b"").decode(errors="replace")
    at = (header(headers, AT_HEADER) or b"").decode()
    return ParkedMessage(unpark(message), reason, datetime.fromisoformat(at))


def _marks(topic: Topic, casino_id: int) -> dict[Stream, Mark]:
    """How far the casino's ledger is; nowhere, while its database is away."""
    casino = find_casinos([casino_id]).get(casino_id)
    if casino is None or casino.state not in READY_STATES:
        return {}
    try:
        with use_casino(casino.current):
            return read_marks(topic.group, topic.name)
    except Error:
        return {}


def _is_done(marks: dict[Stream, Mark], envelope: Envelope) -> bool:
    mark = marks.get(stream_of(envelope.place))
    return mark is not None and mark.covers(envelope.place)
