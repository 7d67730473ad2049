"""The prices of one event as arrays: its market lines, and the odds of their outcomes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recommendations.offer.arrays import Codes

from .lines import Lines
from .refusals import STATUSES, Refusal

Odds = np.ndarray[Any, np.dtype[np.int32]]  # thousandths; 0: a closed outcome
LineArray = np.ndarray[Any, np.dtype[np.void]]
# `shift`: the number of the line's first outcome, minus its place in `odds`; `outcomes`: how many; `refusal`: that of
# the status, or of a line that can't be read; `as_of`: Unix seconds.
LINE = np.dtype([("shift", "<i4"), ("producer", "u1"), ("refusal", "u1"), ("outcomes", "<u2"), ("as_of", "<f8")])
_BYTES_OF_COUNT = 4

# line ids, producers, statuses, as_of (Unix seconds), odds of each line
PriceColumns = tuple[Sequence[int], Sequence[int], Sequence[str], Sequence[float], Sequence[Sequence[int]]]


@dataclass(frozen=True, slots=True, eq=False)
class EventPrices:
    """`lines`: m market lines of the type `LINE`; `odds`: those of all their outcomes, line by line, shape (n,)."""

    lines: LineArray
    odds: Odds

    def packed(self) -> bytes:
        """Lines, odds and the number of lines: one object takes a third less memory than two arrays."""
        return self.lines.tobytes() + self.odds.tobytes() + len(self.lines).to_bytes(_BYTES_OF_COUNT, "little")

    def numbers(self) -> Codes:
        """Those of the outcomes, in the casino's `Lines`; shape (n,)."""
        numbers: Codes = self.lines["shift"].repeat(self.lines["outcomes"])
        numbers += np.arange(numbers.size, dtype=np.int32)
        return numbers

    def line_of(self, place: int) -> int:
        """The place in `lines` of the outcome at `place` in `odds`."""
        return int(self.lines["outcomes"].cumsum().searchsorted(place, side="right"))


def unpack(packed: bytes) -> EventPrices:
    """The prices of `EventPrices.packed`, read-only."""
    count = int.from_bytes(packed[-_BYTES_OF_COUNT:], "little")
    size = count * LINE.itemsize
    odds = np.frombuffer(packed, np.int32, (len(packed) - _BYTES_OF_COUNT - size) // 4, size)
    return EventPrices(np.frombuffer(packed, LINE, count), odds)


NO_PRICES = EventPrices(np.empty(0, LINE), np.empty(0, np.int32))


def event_prices(columns: PriceColumns, known: Lines) -> EventPrices:
    """The prices in these columns of rows. Of a line that is unknown, or has another number of outcomes than of odds,
    no outcome can be read."""
    line_ids, producers, statuses, as_of, odds = columns
    read: list[int] = []
    of_lines: list[tuple[int, int, int]] = []  # shift, refusal, outcomes
    for line_id, status, own in zip(line_ids, statuses, odds, strict=True):
        first, length = known.get(line_id)
        if not 0 < length == len(own):
            of_lines.append((0, Refusal.UNREADABLE, 0))
            continue
        of_lines.append((first - len(read), STATUSES.get(status, Refusal.CLOSED), length))
        read += own
    lines = np.empty(len(of_lines), LINE)
    lines["producer"], lines["as_of"] = producers, as_of
    if of_lines:
        lines["shift"], lines["refusal"], lines["outcomes"] = zip(*of_lines, strict=True)
    return EventPrices(lines, np.array(read, np.int32))
