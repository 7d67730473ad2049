"""Imports the dead letters of earlier releases, which had them in topics.

A dead letter that was written twice is stored once, by its place; so an interrupted import can be repeated.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import msgspec
from confluent_kafka import KafkaException
from django.conf import settings
from django.db import Error
from django.utils import timezone

from ingestion.catalogue import find_casinos
from ingestion.kafka.client import new_admin
from ingestion.kafka.connection_errors import explain, listening
from ingestion.kafka.partition_reader import read_partition
from ingestion.messages.envelope import open_message
from ingestion.models import DeadLetter
from ingestion.topics import TOPICS, Topic
from tenants.models import Casino
from tenants.models.casino import READY_STATES
from tenants.models.dead_letter import DeadLetterState, UnassignedDeadLetter
from tenants.routing.connections import casino_atomic
from tenants.routing.context import use_casino

from .topic_letters import closed_offsets, columns_of_letter, is_closing_record, is_letter, name_of, unread
from .write import store_letters, without_erased_users

Report = Callable[[str], object]


class ImportResult(msgspec.Struct):
    """Numbers of dead letters. `foreign` messages are neither dead letters nor closing records."""

    stored: int = 0
    known: int = 0
    foreign: int = 0
    problem: str = ""


def earlier_topics() -> list[str]:
    """The topics of dead letters left by an earlier release. Raises KafkaException."""
    admin = new_admin()
    with listening(admin):
        present = admin.list_topics(timeout=settings.KAFKA_ANSWER_SECONDS).topics
    return [name for topic in TOPICS.values() if (name := name_of(topic)) in present]


def import_topics(report: Report, *, keep_topics: bool = False) -> ImportResult:
    """Store the dead letters of these topics in the databases, except purged ones, and delete the topics.

    If a casino's database is unavailable, its dead letters stay in the topics and `problem` has the reason. Raises
    KafkaException, AllDatabasesUnavailable.
    """
    topics, run = earlier_topics(), _Import()
    for topic in TOPICS.values():
        if name_of(topic) in topics:
            report(f"reading {name_of(topic)}")
            run.import_topic(topic)
    result = run.result
    if run.failures:
        result.problem = "Repeat the import for " + "; ".join(f"{name}: {text}" for name, text in run.failures.items())
    elif topics and not keep_topics:
        result.problem = _delete(topics)
    return result


class _Import:
    """One run of the import. `failures`: casino -> the reason why its dead letters could not be stored."""

    def __init__(self) -> None:
        self.result = ImportResult()
        self.failures: dict[str, str] = {}
        self._now = timezone.now()

    def import_topic(self, topic: Topic) -> None:
        done: dict[int, int] = {}
        while ahead := unread(topic, done):  # a consumer of the earlier release may still have been writing
            for partition, (first, end) in ahead.items():
                self._import_partition(topic, partition, first, end)
                done[partition] = end

    def _import_partition(self, topic: Topic, partition: int, first: int, end: int) -> None:
        closed = closed_offsets(topic, partition, first, end)
        purged: set[str] = set()  # places of purged messages; the topic may have a message twice
        for batch in read_partition(name_of(topic), partition, first, end):
            letters = [each for message in batch if (each := self._open(topic, message, closed, purged)) is not None]
            self._store(letters)

    def _open(
        self, topic: Topic, message: Any, closed: dict[int, DeadLetterState], purged: set[str]
    ) -> tuple[int | None, dict[str, Any]] | None:
        """The casino's id and the columns; None for a message that is not imported."""
        envelope = open_message(message, "", "")
        if not is_letter(envelope):
            self.result.foreign += not is_closing_record(envelope)
            return None
        columns = columns_of_letter(topic, envelope, self._now)
        state = closed.get(envelope.place.offset, DeadLetterState.OPEN)
        if state == DeadLetterState.PURGED:
            purged.add(columns["place"])
        if columns["place"] in purged:
            return None
        closing = {} if state == DeadLetterState.OPEN else {"state": state, "closed_at": self._now}
        return envelope.casino_id, columns | closing

    def _store(self, letters: list[tuple[int | None, dict[str, Any]]]) -> None:
        groups: dict[int | None, list[dict[str, Any]]] = defaultdict(list)
        for casino_id, columns in letters:
            groups[casino_id].append(columns)
        casinos = find_casinos(groups)
        for casino_id, group in groups.items():
            casino = casinos.get(casino_id or 0)
            if casino is None:
                self._insert([UnassignedDeadLetter(casino_id=casino_id, **columns) for columns in group])
            elif str(casino) not in self.failures:
                self._store_in(casino, group)

    def _store_in(self, casino: Casino, group: list[dict[str, Any]]) -> None:
        if casino.state not in READY_STATES:
            self.failures[str(casino)] = f"it is {casino.state}"
            return
        try:
            with use_casino(casino.current), casino_atomic():
                self._insert(without_erased_users([DeadLetter(**columns) for columns in group]))
        except Error as error:
            self.failures[str(casino)] = str(error).strip()

    def _insert(self, letters: list[Any]) -> None:
        if not letters:
            return
        rows = type(letters[0])._default_manager
        places = {letter.place for letter in letters}
        known = rows.filter(place__in=places).count()
        store_letters(letters)
        self.result.known += known
        self.result.stored += len(places) - known


def _delete(topics: list[str]) -> str:
    """Delete the topics. Returns the errors; empty if all are deleted."""
    problems = []
    admin = new_admin()  # must live until the futures are done
    for name, future in admin.delete_topics(topics, request_timeout=settings.KAFKA_ANSWER_SECONDS).items():
        try:
            future.result()
        except KafkaException as error:
            problems.append(f"{name} is imported, but could not be deleted ({explain(error)}): delete it yourself")
    return "; ".join(problems)
