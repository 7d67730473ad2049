"""Reads the log of dead letters: the rejected messages, with reasons, and the replayed and purged ones.

Kafka's log is append-only. So replaying or purging dead letters appends a closing record to their partition: a message
whose value lists their offsets.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from ingestion.errors import NoSuchDeadLetter
from ingestion.kafka.forwarder import Forwarder
from ingestion.kafka.partition_reader import read_partition
from ingestion.kafka.watermarks import watermarks
from ingestion.messages.envelope import REPLAYS_HEADER, Envelope, Place, header, open_message
from ingestion.topics import TOPICS, Topic
from tenants.numbers import parse_id

from .write import PREFIX

logger = logging.getLogger(__name__)

_CLOSING_HEADER, _PLACE_HEADER = f"{PREFIX}mark", f"{PREFIX}place"
_OFFSETS_PER_RECORD = 1_000


class DeadLetterState(StrEnum):
    OPEN = "open"
    REPLAYED = "replayed"
    PURGED = "purged"


class DeadLetter(msgspec.Struct):
    """`id` is its name in commands: topic/partition/offset in the dead letters' topic. `place` is the original
    message's place, `size` its value's bytes."""

    id: str
    topic: str
    partition: int
    offset: int
    casino_id: int | None
    place: str
    reason: str
    field: str
    detail: str
    sqlstate: str
    attempts: int
    at: datetime | None
    size: int
    replays: int
    state: DeadLetterState = DeadLetterState.OPEN


class DeadLetterQuery(msgspec.Struct, frozen=True):
    """Selects dead letters by topic, casino, reason, time and id; None or empty: any."""

    topic: str | None = None
    casino_id: int | None = None
    reason: str | None = None
    before: datetime | None = None
    ids: tuple[str, ...] = ()

    def matches(self, letter: DeadLetter) -> bool:
        conditions = (
            self.casino_id in {None, letter.casino_id},
            self.reason in {None, letter.reason},
            not self.ids or letter.id in self.ids,
            self.before is None or (letter.at is not None and letter.at < self.before),
        )
        return all(conditions)

    @property
    def topics(self) -> list[Topic]:
        named = {name.partition("/")[0] for name in self.ids}
        return [
            topic
            for topic in TOPICS.values()
            if self.topic in {None, topic.name} and (not named or topic.name in named)
        ]


def list_dead_letters(
    query: DeadLetterQuery, *, states: Sequence[DeadLetterState] = (DeadLetterState.OPEN,)
) -> list[DeadLetter]:
    """The matching dead letters, the oldest first, each message once. Raises KafkaException."""
    found = [
        letter
        for topic in query.topics
        for partition, (first, end, _) in sorted(watermarks(topic.dead).items())
        for letter in _read_letters(topic, partition, first, end)
        if letter.state in states and query.matches(letter)
    ]
    return sorted(found, key=lambda letter: (str(letter.at), letter.topic, letter.partition, letter.offset))


def get_dead_letter(
    letter_id: str, *, may_see: Callable[[DeadLetter], bool] = lambda _: True
) -> tuple[DeadLetter, Envelope]:
    """A dead letter and its original message. Raises NoSuchDeadLetter, with the same text if it does not exist and if
    `may_see` forbids it."""
    found = list_dead_letters(DeadLetterQuery(ids=(letter_id,)), states=list(DeadLetterState))
    for letter, envelope in fetch_messages(filter(may_see, found)):
        return letter, envelope
    raise NoSuchDeadLetter(f"There is no dead letter {letter_id!r}. List them with `manage.py dead_letters list`.")


def fetch_messages(letters: Iterable[DeadLetter]) -> Iterator[tuple[DeadLetter, Envelope]]:
    """The original messages, without the headers added to dead letters; each partition's in their order."""
    partitions: dict[tuple[str, int], dict[int, DeadLetter]] = {}
    for letter in letters:
        partitions.setdefault((letter.topic, letter.partition), {})[letter.offset] = letter
    for (topic, partition), wanted in partitions.items():
        for batch in read_partition(TOPICS[topic].dead, partition, min(wanted), max(wanted) + 1):
            for message in batch:
                if message.offset() in wanted:
                    yield wanted[message.offset()], _original(open_message(message, "", ""))


def close_letters(letters: Iterable[DeadLetter], state: DeadLetterState, forwarder: Forwarder) -> None:
    """Record that these dead letters were replayed or purged. Raises NotDelivered."""
    offsets: dict[tuple[str, int], list[int]] = {}
    for letter in letters:
        offsets.setdefault((TOPICS[letter.topic].dead, letter.partition), []).append(letter.offset)
    for (topic, partition), closed in offsets.items():
        for first in range(0, len(closed), _OFFSETS_PER_RECORD):
            value = msgspec.json.encode(closed[first : first + _OFFSETS_PER_RECORD])
            place = Place("", topic, partition, 0, 0)
            forwarder.forward(topic, Envelope(place, None, None, value, []), {_CLOSING_HEADER: state.value})
    forwarder.flush()


def replay_count(envelope: Envelope) -> int:
    """How often the message was replayed."""
    return parse_id((header(envelope.headers, REPLAYS_HEADER) or b"").decode("latin-1")) or 0


def readable(value: bytes | None) -> str | None:
    """Printable text unchanged, other bytes in Python's notation."""
    if value is None:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return repr(value)
    return text if text.isprintable() else repr(value)


def _read_letters(topic: Topic, partition: int, first: int, end: int) -> Iterable[DeadLetter]:
    letters: dict[str, DeadLetter] = {}
    by_offset: dict[int, DeadLetter] = {}
    closed: dict[int, DeadLetterState] = {}
    for batch in read_partition(topic.dead, partition, first, end):
        for message in batch:
            envelope = open_message(message, "", "")
            if header(envelope.headers, _PLACE_HEADER) is None:
                closed.update(_closed_by(envelope))
            else:
                letter = _letter(topic, envelope)
                by_offset[letter.offset] = letters.setdefault(letter.place, letter)
    for offset, closing_state in closed.items():
        if offset in by_offset:
            by_offset[offset].state = closing_state
    return letters.values()


def _closed_by(envelope: Envelope) -> dict[int, DeadLetterState]:
    """The offsets that a closing record closes. Empty for messages of others, which are neither records nor dead
    letters: those have a place, and the headers of their senders do not count."""
    try:
        state = DeadLetterState((header(envelope.headers, _CLOSING_HEADER) or b"").decode())
        return dict.fromkeys(msgspec.json.decode(envelope.value or b"", type=list[int]), state)
    except (ValueError, msgspec.MsgspecError):
        logger.warning("%s is not a dead letter and ignored", envelope.place)
        return {}


def _letter(topic: Topic, envelope: Envelope) -> DeadLetter:
    def text_of(name: str) -> str:
        return (header(envelope.headers, f"{PREFIX}{name}") or b"").decode(errors="replace")

    place = envelope.place
    return DeadLetter(
        id=f"{topic.name}/{place.partition}/{place.offset}",
        topic=topic.name,
        partition=place.partition,
        offset=place.offset,
        casino_id=envelope.casino_id,
        place=text_of("place"),
        reason=text_of("reason"),
        field=text_of("field"),
        detail=text_of("detail"),
        sqlstate=text_of("sqlstate"),
        attempts=parse_id(text_of("attempts")) or 1,
        at=_time_of(text_of("at")),
        size=len(envelope.value or b""),
        replays=replay_count(envelope),
    )


def _time_of(text: str) -> datetime | None:
    """None for a missing or unreadable time."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _original(envelope: Envelope) -> Envelope:
    headers = [each for each in envelope.headers or () if not each[0].startswith(PREFIX)]
    return Envelope(envelope.place, envelope.casino_id, envelope.key, envelope.value, headers)
