"""Replays dead letters, after the cause of their rejection is fixed."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import msgspec
from django.conf import settings
from django.db import transaction

from ingestion.kafka.forwarder import Forwarder
from ingestion.messages.decoding import Rejection, TimeBounds
from ingestion.messages.envelope import ORIGIN_HEADER, REPLAYS_HEADER, Envelope, header
from ingestion.messages.reading import read_message
from ingestion.models import DeadLetter
from ingestion.outcomes import DecodedMessage
from ingestion.own_words import read_own_words
from ingestion.topics import TOPICS, Topic
from tenants.models.dead_letter import DeadLetterColumns, DeadLetterState
from tenants.routing.context import get_current_casino

from .content import envelope_of
from .tables import Letters

MAX_REPLAYS = 3
ACCEPTABLE, TOO_OFTEN, OF_ANOTHER_CASINO = "acceptable", "replayed too often", "of another casino"
_ROWS_AT_ONCE = 500
_BYTES_AT_ONCE = 8_000_000


class ReplayPreview(msgspec.Struct):
    """The expected result of a dead letter's replay: `acceptable`, `replayed too often`, `of another casino`, or a
    rejection code."""

    number: int
    result: str


class ReplayCount(msgspec.Struct):
    """The dead letters that were sent, and those that were skipped, by reason."""

    sent: list[int] = []
    skipped: Counter[str] = msgspec.field(default_factory=Counter)


def preview_replay(letters: Letters, now: datetime) -> Iterator[ReplayPreview]:
    """The expected results, by decoding and validating the messages without storing them. A partial message is
    acceptable, though it is rejected again where its row is not stored."""
    bounds = TimeBounds.at(now)
    for numbers in _parts(letters):
        for letter in letters.filter(pk__in=numbers).order_by("pk"):
            envelope = envelope_of(letter)
            result = _reason_to_skip(letter, envelope) or _preview(TOPICS[letter.topic], envelope, bounds)
            yield ReplayPreview(letter.pk, result)


def replay(letters: Letters, now: datetime, *, again: bool = False) -> ReplayCount:
    """Send the open ones of these messages to their topics again, in the order of their storing, and close them.

    Each message carries its first place, so that a message replayed twice is stored once. Messages already replayed
    three times are skipped, unless `again`. Raises NotDelivered.
    """
    forwarder, count = Forwarder(flush_seconds=settings.KAFKA_ANSWER_SECONDS), ReplayCount()
    for numbers in _parts(letters):
        _replay_part(letters, numbers, now, forwarder, count, again=again)
    return count


def _replay_part(
    letters: Letters, numbers: list[int], now: datetime, forwarder: Forwarder, count: ReplayCount, *, again: bool
) -> None:
    """Deliver the messages first: after a crash before the commit they are sent twice, and stored once. Dead letters
    that another process is replaying are left to it."""
    with transaction.atomic(using=letters.db):
        part = letters.model._default_manager.filter(pk__in=numbers, state=DeadLetterState.OPEN).order_by("pk")
        sent = []
        for letter in part.select_for_update(skip_locked=True):
            envelope = envelope_of(letter)
            reason = _reason_to_skip(letter, envelope)
            if reason and not (again and reason == TOO_OFTEN):
                count.skipped[reason] += 1
                continue
            _send(forwarder, letter, envelope)
            sent.append(letter.pk)
        forwarder.flush()
        part.filter(pk__in=sent).update(state=DeadLetterState.REPLAYED, closed_at=now)
    count.sent += sent


def _parts(letters: Letters) -> Iterator[list[int]]:
    """The numbers of these dead letters, in parts of bounded bytes."""
    part: list[int] = []
    while part := _part_after(letters, part[-1] if part else 0):
        yield part


def _part_after(letters: Letters, number: int) -> list[int]:
    part: list[int] = []
    total = 0
    following = letters.filter(pk__gt=number).order_by("pk").values_list("pk", "size")
    for each, size in following[:_ROWS_AT_ONCE]:
        total += size
        if part and total > _BYTES_AT_ONCE:
            break
        part.append(each)
    return part


def _reason_to_skip(letter: DeadLetterColumns, envelope: Envelope) -> str:
    """A casino's database that is a copy of another's has messages that are not its own."""
    if isinstance(letter, DeadLetter) and envelope.casino_id != get_current_casino().id:
        return OF_ANOTHER_CASINO
    return TOO_OFTEN if letter.replays >= MAX_REPLAYS else ""


def _preview(topic: Topic, envelope: Envelope, bounds: TimeBounds) -> str:
    message = DecodedMessage(envelope, read_message(topic.decode, topic.partial, envelope, bounds))
    read_own_words(topic, [message], bounds)
    content = message.content
    return content.code if isinstance(content, Rejection) else ACCEPTABLE


def _send(forwarder: Forwarder, letter: DeadLetterColumns, envelope: Envelope) -> None:
    origin = (header(envelope.headers, ORIGIN_HEADER) or b"").decode(errors="replace") or letter.place
    replaced = {ORIGIN_HEADER, REPLAYS_HEADER}
    envelope.headers = [each for each in envelope.headers or () if each[0] not in replaced]
    added = {ORIGIN_HEADER: origin, REPLAYS_HEADER: str(letter.replays + 1)}
    forwarder.forward(TOPICS[letter.topic].full_name, envelope, added)
