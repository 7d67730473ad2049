"""A casino's market lines in memory: the texts for which the numbers in prices stand."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

# id, market, line, outcomes
LineRow = tuple[int, str, str, Sequence[str]]
_BYTES_OF_LINE, _BYTES_OF_OUTCOME, _BYTES_OF_TEXT = 150, 90, 60  # sizes of the objects


class Outcome(NamedTuple):
    """An outcome of a market line; `line` is empty in a market without lines."""

    market: str
    line: str
    outcome: str


class LineOutcomes(NamedTuple):
    """The numbers of a line's outcomes: `length` numbers from `first` on."""

    first: int
    length: int


UNKNOWN_LINE = LineOutcomes(0, 0)


class Lines:
    """Market lines by id, and their outcomes by number; `outcomes` only grows. In the database, lines are immutable and
    ids ascend: ids above `latest` are unknown here. `derived`: values computed from the outcomes. Thread-safe."""

    def __init__(self, rows: Iterable[LineRow] = ()) -> None:
        self.outcomes: list[Outcome] = []
        self.derived: dict[str, Any] = {}
        self._by_id: dict[int, LineOutcomes] = {}
        self._texts: dict[str, str] = {}  # one object for each text
        self._lock = threading.Lock()
        self.latest = 0
        self._nbytes = 0
        self.include(rows)

    @property
    def nbytes(self) -> int:
        return self._nbytes + sum(int(getattr(each, "nbytes", 0)) for each in list(self.derived.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, line_id: int) -> LineOutcomes:
        return self._by_id.get(line_id, UNKNOWN_LINE)

    def include(self, rows: Iterable[LineRow]) -> None:
        with self._lock:
            latest = self.latest
            for line_id, market, line, outcomes in rows:
                if line_id not in self._by_id:
                    self._by_id[line_id] = self._add(market, line, outcomes)
                latest = max(latest, line_id)
            self.latest = latest  # last: other threads assume that all lines up to it are known

    def _add(self, market: str, line: str, outcomes: Sequence[str]) -> LineOutcomes:
        first = len(self.outcomes)
        self.outcomes += [Outcome(self._one(market), self._one(line), self._one(each)) for each in outcomes]
        self._nbytes += _BYTES_OF_LINE + _BYTES_OF_OUTCOME * len(outcomes)
        return LineOutcomes(first, len(outcomes))

    def _one(self, text: str) -> str:
        known = self._texts.setdefault(text, text)
        if known is text:
            self._nbytes += _BYTES_OF_TEXT + len(text)
        return known
