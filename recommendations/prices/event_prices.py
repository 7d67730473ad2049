"""The prices of one event as arrays: its market lines, and the odds of their outcomes."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, starmap
from math import inf
from struct import Struct
from typing import Any, NamedTuple

import numpy as np

from recommendations.offer.arrays import Places

from .lines import Lines
from .refusals import STATUSES, Refusal

Odds = np.ndarray[Any, np.dtype[np.int32]]  # thousandths; 0: a closed outcome
LineArray = np.ndarray[Any, np.dtype[np.void]]
# `first`: the number of the line's first outcome; `outcomes`: how many; `refusal`: that of the status, or of a line
# that can't be read; `as_of`: Unix seconds.
LINE = np.dtype([("first", "<i4"), ("producer", "u1"), ("refusal", "u1"), ("outcomes", "<u2"), ("as_of", "<f8")])
_BYTES_OF_ODD = 4
_MOST_OUTCOMES = 65_535  # of a line that can be read
# Looking up a member takes a while.
_OPEN, _UNREADABLE, _CLOSED = int(Refusal.OPEN), int(Refusal.UNREADABLE), int(Refusal.CLOSED)
_STATUSES = {status: int(refusal) for status, refusal in STATUSES.items()}
_LINE = Struct("<iBBHd")  # `LINE`
# After lines and odds: the number of lines, and `Bounds`.
_TRAILER = Struct("<IdHi")

PackedPrices = bytes  # one object takes a third less memory than two arrays


class Bounds(NamedTuple):
    """Of all lines whose status is open: the earliest `as_of`, the highest code of a producer, and the highest odd, in
    thousandths."""

    oldest: float
    producer: int
    odd: int


NO_BOUNDS = Bounds(-inf, 255, 2**31 - 1)  # nothing is known

# line ids, producers, statuses, as_of (Unix seconds), odds of each line
PriceColumns = tuple[Sequence[int], Sequence[int], Sequence[str], Sequence[float], Sequence[Sequence[int]]]
_Line = tuple[int, int, int, int, float]  # the fields of `LINE`


@dataclass(frozen=True, slots=True, eq=False)
class EventPrices:
    """The prices of an event. `lines`: m market lines of the type `LINE`; `odds`: those of all their outcomes, line by
    line, shape (n,). Where `bounds` are known, odds of lines whose status is not open are below 0."""

    lines: LineArray
    odds: Odds
    bounds: Bounds = NO_BOUNDS

    def numbers(self) -> Places:
        """Those of the outcomes, in the casino's `Lines`; shape (n,)."""
        counts = self.lines["outcomes"]
        shifts = self.lines["first"] + counts - self._line_ends()  # the numbers of first outcomes, minus their places
        numbers: Places = shifts.repeat(counts)
        numbers += np.arange(numbers.size)
        return numbers

    def at(self, place: int) -> tuple[int, int, float]:
        """Of the outcome at this place in `odds`: its number in the casino's `Lines`, the code of its line's producer,
        and `as_of`."""
        ends = self._line_ends()
        line = int(ends.searchsorted(place, side="right"))
        first, producer, _, count, as_of = self.lines.item(line)
        return first + count + place - ends.item(line), producer, as_of

    def _line_ends(self) -> Places:
        """Of each line, the place in `odds` after its last outcome, shape (m,)."""
        ends: Places = self.lines["outcomes"].cumsum(dtype=np.intp)
        return ends


def prices_of(packed: PackedPrices) -> EventPrices:
    """The prices as they are packed, with their bounds; read-only."""
    end = len(packed) - _TRAILER.size
    count, *bounds = _TRAILER.unpack_from(packed, end)
    size = count * LINE.itemsize
    odds = np.frombuffer(packed, np.int32, (end - size) // _BYTES_OF_ODD, size)
    return EventPrices(np.frombuffer(packed, LINE, count), odds, Bounds(*bounds))


def unpack(packed: PackedPrices) -> EventPrices:
    """The prices that were packed; read-only."""
    prices = prices_of(packed)
    is_open = (prices.lines["refusal"] == _OPEN).repeat(prices.lines["outcomes"])
    return EventPrices(prices.lines, np.where(is_open, prices.odds, np.abs(prices.odds)))


def packed_prices(columns: PriceColumns, known: Lines) -> PackedPrices:
    """The prices in these columns of rows. Of a line that is unknown, or has another number of outcomes than of odds,
    no outcome can be read."""
    lines, odds = list[_Line](), array("i")
    for line, own in _read(columns, known):
        lines.append(line)
        odds.extend(own)
    return _pack(lines, odds)


def patch(packed: PackedPrices, changed: PriceColumns, known: Lines) -> PackedPrices | None:
    """An event's prices with those of its changed lines in their places; None if it lacks one of these lines, or one
    can't be read."""
    end = len(packed) - _TRAILER.size
    size = _TRAILER.unpack_from(packed, end)[0] * _LINE.size
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
    """Each line with its odds, as they are packed; one that can't be read has no outcomes."""
    for line_id, producer, status, as_of, odds in zip(*columns, strict=True):
        first, length = known.get(line_id)
        if not 0 < length == len(odds) <= _MOST_OUTCOMES:
            yield (0, producer, _UNREADABLE, 0, as_of), ()
            continue
        refusal = _STATUSES.get(status, _CLOSED)
        yield (first, producer, refusal, length, as_of), odds if refusal == _OPEN else [-abs(each) for each in odds]


def _pack(lines: Sequence[_Line], odds: "array[int]") -> PackedPrices:
    is_open = [(as_of, producer) for _, producer, refusal, _, as_of in lines if refusal == _OPEN]
    oldest, latest = min((as_of for as_of, _ in is_open), default=inf), max((each for _, each in is_open), default=0)
    trailer = _TRAILER.pack(len(lines), oldest, latest, max(odds, default=0))
    return b"".join((*starmap(_LINE.pack, lines), odds.tobytes(), trailer))


NO_PRICES = packed_prices(([], [], [], [], []), Lines())
