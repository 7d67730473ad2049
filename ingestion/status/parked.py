"""Lists and stores parked messages, outside of the consumers."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
from django.db import Error

from ingestion.catalogue import find_casinos
from ingestion.kafka.partition_reader import read_partition
from ingestion.kafka.watermarks import watermarks
from ingestion.messages.envelope import Envelope, header, read_headers
from ingestion.parking.parking import AT_HEADER, REASON_HEADER, unpark
from ingestion.storing.casino_store import CasinoStore
from ingestion.storing.ledger import LedgerOffset, PartitionKey, partition_key, read_ledger_offsets
from ingestion.topics import TOPICS, Topic
from tenants.models.casino import READY_STATES
from tenants.routing.context import use_casino

_CHUNK = 2_000


class ParkedMessage(msgspec.Struct):
    """An original message, and the reason and time of its parking."""

    envelope: Envelope
    reason: str
    at: datetime


class ParkedCount(msgspec.Struct):
    """The number of parked messages of one casino and topic, the time of the first, and the reason of the last."""

    topic: str
    casino_id: int
    count: int
    since: datetime
    reason: str


def list_parked(topics: Iterable[Topic] = tuple(TOPICS.values()), casino_id: int | None = None) -> list[ParkedCount]:
    """The parked messages by topic and casino. Raises KafkaException, AllDatabasesUnavailable."""
    found: dict[tuple[str, int], ParkedCount] = {}
    for topic in topics:
        for message in _parked_messages(topic, casino_id):
            owner = message.envelope.casino_id or 0
            parked = found.setdefault((topic.name, owner), ParkedCount(topic.name, owner, 0, message.at, ""))
            parked.count, parked.reason = parked.count + 1, message.reason
    return [found[key] for key in sorted(found)]


def drain_parked(topics: Iterable[Topic] = tuple(TOPICS.values()), casino_id: int | None = None) -> Counter[str]:
    """Store parked messages of casinos with an available database. Returns outcome -> number of messages.

    Consumers may store them at the same time: the ledgers prevent duplicates. Raises KafkaException,
    AllDatabasesUnavailable.
    """
    outcomes = Counter[str]()
    for topic in topics:
        store = CasinoStore(topic, lambda results: outcomes.update(each.outcome for each in results))
        unavailable: set[int] = set()
        for owner, envelopes in _chunks(_parked_messages(topic, casino_id)):
            count = 0 if owner in unavailable else store.store_parked(owner, envelopes)
            if count < len(envelopes):
                unavailable.add(owner)  # left for later, so that the casino's messages keep their order
                outcomes["still parked"] += len(envelopes) - count
    return outcomes


def _chunks(messages: Iterable[ParkedMessage]) -> Iterator[tuple[int, list[Envelope]]]:
    """Yield (casino id, some of its messages in their order)."""
    groups: dict[int, list[Envelope]] = {}
    for message in messages:
        owner = message.envelope.casino_id or 0
        groups.setdefault(owner, []).append(message.envelope)
        if len(groups[owner]) == _CHUNK:
            yield owner, groups.pop(owner)
    yield from groups.items()


def _parked_messages(topic: Topic, casino_id: int | None) -> Iterator[ParkedMessage]:
    """The parked messages that are not in the ledgers, in their order."""
    ledgers: dict[int, dict[PartitionKey, LedgerOffset]] = {}
    for partition, (_, end, first) in watermarks(topic.parked, topic.group).items():
        for batch in read_partition(topic.parked, partition, first, end):
            for message in filter(None, map(_open, batch)):
                owner = message.envelope.casino_id or 0
                if casino_id not in {None, owner}:
                    continue
                if owner not in ledgers:
                    ledgers[owner] = _ledger(topic, owner)
                place = message.envelope.place
                offset = ledgers[owner].get(partition_key(place))
                if offset is None or not offset.covers(place):
                    yield message


def _open(message: object) -> ParkedMessage | None:
    """The parked message; None if no consumer parked it."""
    envelope, headers = unpark(message), read_headers(message)
    reason = (header(headers, REASON_HEADER) or b"").decode(errors="replace")
    try:
        at = datetime.fromisoformat((header(headers, AT_HEADER) or b"").decode())
    except ValueError:
        return None
    return None if envelope is None else ParkedMessage(envelope, reason, at)


def _ledger(topic: Topic, casino_id: int) -> dict[PartitionKey, LedgerOffset]:
    """The casino's ledger; empty while its database is unavailable."""
    casino = find_casinos([casino_id]).get(casino_id)
    if casino is None or casino.state not in READY_STATES:
        return {}
    try:
        with use_casino(casino.current):
            return read_ledger_offsets(topic.group, topic.full_name)
    except Error:
        return {}
