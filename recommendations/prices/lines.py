"""A casino's market lines in memory: the texts that prices name by number."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

# id, market, line, outcomes
LineRow = tuple[int, str, str, Sequence[str]]
_BYTES_OF_LINE = 250  # of the objects, without their texts


class Line(NamedTuple):
    """A market line; `line` is empty for a market without lines."""

    market: str
    line: str
    outcomes: tuple[str, ...]


NO_LINE = Line("", "", ())


class Lines:
    """Market lines by id. They are immutable in the database, where ids grow: those above `latest` are unknown here.

    Threads may add the same lines at once: each entry is added once and never changes.
    """

    def __init__(self, rows: Iterable[LineRow] = ()) -> None:
        self._by_id: dict[int, Line] = {}
        self._texts: dict[str, str] = {}  # one object for each text
        self.latest = 0
        self.nbytes = 0
        self.include(rows)

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, line_id: int) -> Line:
        """The line with this id; `NO_LINE` for an unknown one."""
        return self._by_id.get(line_id, NO_LINE)

    def include(self, rows: Iterable[LineRow]) -> None:
        latest = self.latest
        for line_id, market, line, outcomes in rows:
            if line_id not in self._by_id:
                self._by_id[line_id] = Line(self._one(market), self._one(line), tuple(map(self._one, outcomes)))
                self.nbytes += _BYTES_OF_LINE + 8 * len(outcomes)
            latest = max(latest, line_id)
        self.latest = max(self.latest, latest)  # only now: another thread takes all up to it for known

    def _one(self, text: str) -> str:
        known = self._texts.setdefault(text, text)
        if known is text:
            self.nbytes += 60 + len(text)
        return known
