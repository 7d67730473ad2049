"""The meaning of each sent message, in a journal that other processes read while it grows."""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

Offsets = Mapping[tuple[str, int], int]  # topic, partition -> the offset after the last message
EVERY_PRODUCER = "*"
_BYTES_OF_LENGTH = 4


class MarketMeaning(msgspec.Struct, array_like=True, frozen=True):
    """A market line; an outcome that can't be bet on has 0 in `odds` (thousandths)."""

    market: str
    line: str
    is_open: bool
    odds: dict[str, int]


class EventFacts(msgspec.Struct, array_like=True, frozen=True):
    """The fields of an event; None: unchanged. Times are microseconds, the odd thousandths."""

    status: str | None = None
    begin: int | None = None
    end: int | None = None
    odd: int | None = None

    def over(self, before: "EventFacts") -> "EventFacts":
        return EventFacts(
            before.status if self.status is None else self.status,
            before.begin if self.begin is None else self.begin,
            before.end if self.end is None else self.end,
            before.odd if self.odd is None else self.odd,
        )


class Meaning(msgspec.Struct, array_like=True, kw_only=True):
    """The meaning of one message. Times are microseconds. `closings`: of the producer's markets all (""), a market, or
    a market line. `is_complete`: missing markets are closed. `loses_prices`: older prices of its feed are invalid;
    without a producer, those of all feeds in the partition. `is_heard`: the message shows that its feed is alive."""

    topic: str
    partition: int
    sent_at: int
    offset: int = -1
    event: int = 0
    producer: str = ""
    as_of: int = 0
    facts: EventFacts | None = None
    markets: list[MarketMeaning] = []
    closings: list[str] = []
    is_complete: bool = False
    is_heard: bool = False
    is_beat: bool = False
    is_down: bool = False
    loses_prices: bool = False


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Meaning).decode


def line_scope(market: str, line: str) -> str:
    return f"{market}|{line}"


class JournalWriter:
    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    def append(self, *messages: Meaning) -> None:
        with self._path.open("ab") as file:
            for encoded in map(_ENCODE, messages):
                file.write(len(encoded).to_bytes(_BYTES_OF_LENGTH, "little") + encoded)


class JournalReader:
    """Reads the new part of the journal, and returns its messages by offset."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._waiting: defaultdict[tuple[str, int], deque[Meaning]] = defaultdict(deque)
        self._read: defaultdict[tuple[str, int], int] = defaultdict(int)

    def has_all(self, offsets: Offsets) -> bool:
        """Whether the journal has all messages before these offsets by now."""
        self._read_on()
        return all(self._read[partition] >= end for partition, end in offsets.items())

    def take(self, offsets: Offsets) -> list[Meaning]:
        """The next messages before these offsets, in the order of their sending."""
        taken: list[Meaning] = []
        for partition, end in offsets.items():
            waiting = self._waiting[partition]
            while waiting and waiting[0].offset < end:
                taken.append(waiting.popleft())
        return sorted(taken, key=lambda meaning: meaning.sent_at)

    def _read_on(self) -> None:
        for each in self._decoded():
            partition = each.topic, each.partition
            assert each.offset == self._read[partition], f"{partition}: {each.offset}, not {self._read[partition]}"
            self._read[partition] += 1
            self._waiting[partition].append(each)

    def _decoded(self) -> Iterator[Meaning]:
        with self._path.open("rb") as file:
            file.seek(self._position)
            content = file.read()
        start = 0
        while start + _BYTES_OF_LENGTH <= len(content):
            end = start + _BYTES_OF_LENGTH + int.from_bytes(content[start : start + _BYTES_OF_LENGTH], "little")
            if end > len(content):
                break
            yield _DECODE(content[start + _BYTES_OF_LENGTH : end])
            start = end
        self._position += start
