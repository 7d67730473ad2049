"""The prices of one event as arrays: its market lines, and the odds of their outcomes."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, starmap
from struct import Struct
from typing import Any

import msgspec
import numpy as np

from recommendations.offer.arrays import Places

from .lines import Lines
from .refusals import STATUSES, Refusal

Odds = np.ndarray[Any, np.dtype[np.int32]]  # thousandths; 0: a closed outcome
LineArray = np.ndarray[Any, np.dtype[np.void]]
# `first`: the number of the line's first outcome; `outcomes`: their number; `refusal`: by the line's status, or
# `UNREADABLE`; `as_of`: Unix seconds.
LINE = np.dtype([("first", "<i4"), ("producer", "u1"), ("refusal", "u1"), ("outcomes", "<u2"), ("as_of", "<f8")])
_BYTES_OF_ODD = 4
_MOST_OUTCOMES = 65_535  # of a readable line
# Enum members are slow to look up.
_UNREADABLE, _CLOSED = int(Refusal.UNREADABLE), int(Refusal.CLOSED)
_STATUSES = {status: int(refusal) for status, refusal in STATUSES.items()}
_LINE = Struct("<iBBHd")  # `LINE`
_COUNT = Struct("<I")  # the number of lines, after lines and odds

PackedPrices = bytes  # one bytes object takes a third less memory than two arrays


# line ids, producers, statuses, as_of (Unix seconds), odds of each line
PriceColumns = tuple[Sequence[int], Sequence[int], Sequence[str], Sequence[float], Sequence[Sequence[int]]]
_Line = tuple[int, int, int, int, float]  # the fields of `LINE`


class Price(msgspec.Struct, frozen=True):
    """The price of one outcome: `number` in the casino's `Lines`, `odd` in thousandths, and its line's fields of
    `LINE`."""

    number: int
    odd: int
    producer: int
    refusal: int
    as_of: float


@dataclass(frozen=True, slots=True, eq=False)
class EventPrices:
    """The prices of one event, or of several, one after the other. `lines`: m market lines of the type `LINE`; `odds`:
    the odds of all their outcomes, line by line, shape (n,). `ends`: the place in `odds` after each line's last
    outcome, shape (m,)."""

    lines: LineArray
    odds: Odds
    ends: Places = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends", self.lines["outcomes"].cumsum(dtype=np.intp))

    def numbers(self) -> Places:
        """The outcomes' numbers in the casino's `Lines`, shape (n,)."""
        counts = self.lines["outcomes"]
        # the numbers of first outcomes, minus their places
        numbers: Places = (self.lines["first"] + counts - self.ends).repeat(counts)
        numbers += np.arange(numbers.size)
        return numbers

    def at(self, place: int) -> Price:
        """The price of the outcome at this place in `odds`."""
        line = self.ends.searchsorted(place, side="right")
        first, producer, refusal, count, as_of = self.lines.item(line)
        number = first + count + place - self.ends.item(line)
        return Price(number, self.odds.item(place), producer, refusal, as_of)


def unpack(packed: PackedPrices) -> EventPrices:
    """The prices as read-only arrays."""
    return join([packed])[0]


def join(packed: Iterable[PackedPrices]) -> tuple[EventPrices, list[int]]:
    """The prices of several events as read-only arrays, and the place in `odds` after each event's last outcome."""
    lines: list[bytes] = []
    odds: list[bytes] = []
    ends, outcomes = [], 0
    for each in packed:
        end = len(each) - _COUNT.size
        size = _COUNT.unpack_from(each, end)[0] * LINE.itemsize
        lines.append(each[:size])
        odds.append(each[size:end])
        ends.append(outcomes := outcomes + (end - size) // _BYTES_OF_ODD)
    return EventPrices(np.frombuffer(b"".join(lines), LINE), np.frombuffer(b"".join(odds), np.int32)), ends


def packed_prices(columns: PriceColumns, known: Lines) -> PackedPrices:
    """Pack the prices in these columns of rows. A line is unreadable, and has no outcomes, if it is unknown or if
    its numbers of odds and outcomes differ."""
    lines, odds = list[_Line](), array("i")
    for line, own in _read(columns, known):
        lines.append(line)
        odds.extend(own)
    return _pack(lines, odds)


def patch(packed: PackedPrices, changed: PriceColumns, known: Lines) -> PackedPrices | None:
    """Replace the changed lines in an event's prices. Returns None if the event lacks one of these lines, or if one is
    unreadable."""
    end = len(packed) - _COUNT.size
    size = _COUNT.unpack_from(packed, end)[0] * _LINE.size
    lines, odds = [*_LINE.iter_unpack(packed[:size])], array("i", packed[size:end])
    places = {first: place for place, (first, _, _, length, _) in enumerate(lines) if length}
    ends = [*accumulate(length for _, _, _, length, _ in lines)]
    for line, own in _read(changed, known):
        first, _, _, length, _ = line
        place = places.get(first)
        if place is None or not 0 < length == lines[place][3]:
            return None
        lines[place] = line
        odds[ends[place] - length : ends[place]] = array("i", own)
    return _pack(lines, odds)


def _read(columns: PriceColumns, known: Lines) -> Iterator[tuple[_Line, Sequence[int]]]:
    """Yield each line with its odds for `_pack`; an unreadable line has no outcomes."""
    for line_id, producer, status, as_of, odds in zip(*columns, strict=True):
        first, length = known.get(line_id)
        if not 0 < length == len(odds) <= _MOST_OUTCOMES:
            yield (0, producer, _UNREADABLE, 0, as_of), ()
            continue
        yield (first, producer, _STATUSES.get(status, _CLOSED), length, as_of), odds


def _pack(lines: Sequence[_Line], odds: "array[int]") -> PackedPrices:
    return b"".join((*starmap(_LINE.pack, lines), odds.tobytes(), _COUNT.pack(len(lines))))


NO_PRICES = packed_prices(([], [], [], [], []), Lines())
