"""Replays dead letters after the cause of their rejection is fixed."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import cache

import msgspec
from django.conf import settings
from django.db import transaction

from ingestion.kafka.forwarder import Forwarder
from ingestion.messages.envelope import ORIGIN_HEADER, REPLAYS_HEADER, Envelope, header
from ingestion.messages.lost import LOST
from ingestion.models import DeadLetter
from ingestion.topics import TOPICS
from tenants.models.dead_letter import DeadLetterColumns, DeadLetterState
from tenants.routing.context import get_current_casino

from .content import envelope_of
from .tables import Letters

MAX_REPLAYS = 3
TOO_OFTEN, FOREIGN = "replayed too often", "of another casino"
NOT_HERE = "of lost messages, which only their sender can send again"
ANY_PARTITION = -1  # the Kafka client chooses a partition by the key
_MAX_BATCH_ROWS = 500
_MAX_BATCH_BYTES = 8_000_000


class ReplayCount(msgspec.Struct):
    """The ids of sent dead letters, and the number of skipped ones by reason."""

    sent: list[int] = []
    skipped: Counter[str] = msgspec.field(default_factory=Counter)


def replay(letters: Letters, now: datetime, *, again: bool = False) -> ReplayCount:
    """Send the open dead letters to their topics again, in the order of their storing, and close them.

    Each message carries its first place, so that a message replayed twice is stored once. Messages already replayed
    three times are skipped, unless `again`. Raises NotDelivered.
    """
    run = _Run(now, again=again)
    for numbers in parts_of(letters):
        run.replay_part(letters, numbers)
    return run.count


class _Run:
    """One run of replays."""

    def __init__(self, now: datetime, *, again: bool) -> None:
        self.count = ReplayCount()
        self._now, self._again = now, again
        self._forwarder = Forwarder(flush_seconds=settings.KAFKA_ANSWER_SECONDS)
        self._has_partition = cache(lambda name, number: self._forwarder.has_partitions([name], [number]))

    def replay_part(self, letters: Letters, numbers: list[int]) -> None:
        """Deliver the messages, then commit that they are closed: a crash in between sends them twice, and they are
        stored once. Skips dead letters that another process is replaying."""
        with transaction.atomic(using=letters.db):
            part = letters.model._default_manager.filter(pk__in=numbers, state=DeadLetterState.OPEN).order_by("pk")
            sent = [letter.pk for letter in part.select_for_update(skip_locked=True) if self._send(letter)]
            self._forwarder.flush()
            part.filter(pk__in=sent).update(state=DeadLetterState.REPLAYED, closed_at=self._now)
        self.count.sent += sent

    def _send(self, letter: DeadLetterColumns) -> bool:
        """Queue the message, unless it must be skipped. Returns whether it was queued."""
        envelope = envelope_of(letter)
        reason = reason_to_skip(letter, envelope)
        if reason and not (self._again and reason == TOO_OFTEN):
            self.count.skipped[reason] += 1
            return False
        origin = (header(envelope.headers, ORIGIN_HEADER) or b"").decode(errors="replace") or letter.place
        added = {ORIGIN_HEADER: origin, REPLAYS_HEADER: str(letter.replays + 1)}
        envelope.headers = [each for each in envelope.headers or () if each[0] not in added]
        name, place = TOPICS[letter.topic].full_name, envelope.place
        if not self._has_partition(name, place.partition):  # the topic has fewer partitions than before
            envelope.place = msgspec.structs.replace(place, partition=ANY_PARTITION)
        self._forwarder.forward(name, envelope, added)
        return True


def parts_of(letters: Letters) -> Iterator[list[int]]:
    """The numbers of these dead letters, in parts of bounded bytes."""
    part: list[int] = []
    while part := _part_after(letters, part[-1] if part else 0):
        yield part


def _part_after(letters: Letters, number: int) -> list[int]:
    part: list[int] = []
    total = 0
    following = letters.filter(pk__gt=number).order_by("pk").values_list("pk", "size")
    for each, size in following[:_MAX_BATCH_ROWS]:
        total += size
        if part and total > _MAX_BATCH_BYTES:
            break
        part.append(each)
    return part


def reason_to_skip(letter: DeadLetterColumns, envelope: Envelope) -> str:
    """The reason for not replaying the message; empty if it is replayed. A clone of a casino's database has messages of
    the original casino."""
    if isinstance(letter, DeadLetter) and envelope.casino_id != get_current_casino().id:
        return FOREIGN
    if letter.reason == LOST:
        return NOT_HERE
    return TOO_OFTEN if letter.replays >= MAX_REPLAYS else ""
