"""The prices of one event as arrays: its market lines, and the odds of their outcomes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .lines import Lines
from .refusals import STATUSES, Refusal

Odds = np.ndarray[Any, np.dtype[np.int32]]  # thousandths; 0: a closed outcome
LineArray = np.ndarray[Any, np.dtype[np.void]]
# `refusal`: of the status, or of a line that can't be read; `outcomes`: their number; `as_of`: Unix seconds.
LINE = np.dtype([("line_id", "<i4"), ("producer", "u1"), ("refusal", "u1"), ("outcomes", "<u2"), ("as_of", "<f8")])
_BYTES_OF_OBJECTS = 400  # of both arrays and the entries that hold them

# line ids, producers, statuses, as_of (Unix seconds), odds of each line
PriceColumns = tuple[Sequence[int], Sequence[int], Sequence[str], Sequence[float], Sequence[Sequence[int]]]


@dataclass(frozen=True, slots=True, eq=False)
class EventPrices:
    """`lines`: m market lines of the type `LINE`; `odds`: those of all their outcomes, line by line, shape (n,)."""

    lines: LineArray
    odds: Odds

    @property
    def nbytes(self) -> int:
        return _BYTES_OF_OBJECTS + self.lines.nbytes + self.odds.nbytes


NO_PRICES = EventPrices(np.empty(0, LINE), np.empty(0, np.int32))


def event_prices(columns: PriceColumns, known: Lines) -> EventPrices:
    """The prices in these columns of rows. A line that is unknown, or has another number of outcomes than of odds,
    is unreadable."""
    line_ids, producers, statuses, as_of, odds = columns
    lines = np.empty(len(line_ids), LINE)
    lines["line_id"], lines["producer"], lines["as_of"] = line_ids, producers, as_of
    lines["outcomes"] = list(map(len, odds))
    lines["refusal"] = [
        STATUSES.get(status, Refusal.CLOSED) if _is_readable(known, line_id, len(own)) else Refusal.UNREADABLE
        for line_id, status, own in zip(line_ids, statuses, odds, strict=True)
    ]
    return EventPrices(lines, np.array([odd for own in odds for odd in own], np.int32))


def _is_readable(known: Lines, line_id: int, odds: int) -> bool:
    return 0 < len(known[line_id].outcomes) == odds
