"""The log of dead letters, read: which messages could not be stored, why, and what was done about each since.

A log only grows. That a dead letter was replayed or purged is a further message, a mark, whose value lists the offsets
of its partition that it closes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from ingestion.errors import NoSuchDeadLetter
from ingestion.kafka.forwarder import Forwarder
from ingestion.kafka.partition_reader import read_partition
from ingestion.kafka.watermarks import watermarks
from ingestion.messages.envelope import Envelope, Place, header, open_message
from ingestion.topics import TOPICS, Topic

from .write import PREFIX

_MARK_HEADER = f"{PREFIX}mark"
_OFFSETS_A_MARK = 1_000


class State(StrEnum):
    OPEN = "open"
    REPLAYED = "replayed"
    PURGED = "purged"


class DeadLetter(msgspec.Struct):
    """`id` names it in the commands: topic/partition/offset among the dead letters. `place` is where the message was,
    `size` the bytes of its value."""

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
    state: State = State.OPEN


class Query(msgspec.Struct, frozen=True):
    """Which dead letters: of which topic, casino and reason, from before when, or those named. None: any."""

    topic: str | None = None
    casino_id: int | None = None
    reason: str | None = None
    before: datetime | None = None
    ids: tuple[str, ...] = ()

    def takes(self, letter: DeadLetter) -> bool:
        wishes = (
            self.casino_id in {None, letter.casino_id},
            self.reason in {None, letter.reason},
            not self.ids or letter.id in self.ids,
            self.before is None or (letter.at is not None and letter.at < self.before),
        )
        return all(wishes)

    @property
    def topics(self) -> list[Topic]:
        named = {name.partition("/")[0] for name in self.ids}
        return [
            topic
            for topic in TOPICS.values()
            if self.topic in {None, topic.name} and (not named or topic.name in named)
        ]


def list_dead_letters(query: Query, *, states: Sequence[State] = (State.OPEN,)) -> list[DeadLetter]:
    """The dead letters asked for, the oldest first, each message once. Raises KafkaException."""
    found = [
        letter
        for topic in query.topics
        for partition, (first, end, _) in sorted(watermarks(topic.dead).items())
        for letter in _read_letters(topic, partition, first, end)
        if letter.state in states and query.takes(letter)
    ]
    return sorted(found, key=lambda letter: (str(letter.at), letter.topic, letter.partition, letter.offset))


def get_dead_letter(
    letter_id: str, *, may_see: Callable[[DeadLetter], bool] = lambda _: True
) -> tuple[DeadLetter, Envelope]:
    """A dead letter, and the message as it came. Raises NoSuchDeadLetter, with one text for those that there are not
    and those that may not be seen."""
    found = list_dead_letters(Query(ids=(letter_id,)), states=list(State))
    for letter, envelope in fetch_messages(filter(may_see, found)):
        return letter, envelope
    raise NoSuchDeadLetter(
        f"There is no dead letter {letter_id!r}; `manage.py dead_letters list` names those there are."
    )


def fetch_messages(letters: Iterable[DeadLetter]) -> Iterator[tuple[DeadLetter, Envelope]]:
    """The messages as they came, without what was added when they died; of each partition in their order."""
    partitions: dict[tuple[str, int], dict[int, DeadLetter]] = {}
    for letter in letters:
        partitions.setdefault((letter.topic, letter.partition), {})[letter.offset] = letter
    for (topic, partition), wanted in partitions.items():
        for batch in read_partition(TOPICS[topic].dead, partition, min(wanted), max(wanted) + 1):
            for message in batch:
                if message.offset() in wanted:
                    yield wanted[message.offset()], _as_it_came(open_message(message, "", ""))


def mark(letters: Iterable[DeadLetter], state: State, forwarder: Forwarder) -> None:
    """Note what was done about these. Raises NotDelivered."""
    offsets: dict[tuple[str, int], list[int]] = {}
    for letter in letters:
        offsets.setdefault((TOPICS[letter.topic].dead, letter.partition), []).append(letter.offset)
    for (topic, partition), closed in offsets.items():
        for first in range(0, len(closed), _OFFSETS_A_MARK):
            value = msgspec.json.encode(closed[first : first + _OFFSETS_A_MARK])
            place = Place("", topic, partition, 0, 0)
            forwarder.forward(topic, Envelope(place, None, None, value, []), {_MARK_HEADER: state.value})
    forwarder.flush()


def _read_letters(topic: Topic, partition: int, first: int, end: int) -> Iterable[DeadLetter]:
    letters: dict[str, DeadLetter] = {}
    by_offset: dict[int, DeadLetter] = {}
    closed: dict[int, State] = {}
    for batch in read_partition(topic.dead, partition, first, end):
        for message in batch:
            envelope = open_message(message, "", "")
            done = header(envelope.headers, _MARK_HEADER)
            if done is not None:
                closed.update(dict.fromkeys(msgspec.json.decode(envelope.value or b"[]"), State(done.decode())))
                continue
            letter = _letter(topic, envelope)
            by_offset[letter.offset] = letters.setdefault(letter.place, letter)
    for offset, state in closed.items():
        if offset in by_offset:
            by_offset[offset].state = state
    return letters.values()


def _letter(topic: Topic, envelope: Envelope) -> DeadLetter:
    def said(name: str) -> str:
        return (header(envelope.headers, f"{PREFIX}{name}") or b"").decode(errors="replace")

    place = envelope.place
    return DeadLetter(
        id=f"{topic.name}/{place.partition}/{place.offset}",
        topic=topic.name,
        partition=place.partition,
        offset=place.offset,
        casino_id=envelope.casino_id,
        place=said("place"),
        reason=said("reason"),
        field=said("field"),
        detail=said("detail"),
        sqlstate=said("sqlstate"),
        attempts=int(said("attempts") or 1),
        at=datetime.fromisoformat(said("at")) if said("at") else None,
        size=len(envelope.value or b""),
        replays=replays_of(envelope),
    )


def replays_of(envelope: Envelope) -> int:
    """How often the message was sent again."""
    count: Any = header(envelope.headers, REPLAYS_HEADER) or b"0"
    return int(count) if count.isdigit() else 0


REPLAYS_HEADER = "replay.count"


def _as_it_came(envelope: Envelope) -> Envelope:
    headers = [each for each in envelope.headers or () if not each[0].startswith(PREFIX)]
    return Envelope(envelope.place, envelope.casino_id, envelope.key, envelope.value, headers)


def readable(value: bytes | None) -> str | None:
    """Text as it is, other bytes as Python writes them."""
    if value is None:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return repr(value)
    return text if text.isprintable() else repr(value)
