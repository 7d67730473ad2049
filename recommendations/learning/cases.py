"""Cases to learn from: what was open when a user bet, in features, and what was bet on."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from recommendations.offer.arrays import Floats, Floats32, Places

MAX_CASES = 6_000  # the latest
MAX_CANDIDATES = 60  # of a case: the event that was bet on, and others by chance


@dataclass(frozen=True, slots=True)
class Case:
    """A choice at `timestamp` (Unix seconds): `numbers` (candidates, features), the chosen one first."""

    timestamp: float
    numbers: Floats32


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """Many cases: all their rows one after the other, from `starts` on, of `sizes` each; the first of each is the
    chosen one. In the order of time."""

    numbers: Floats32
    starts: Places
    sizes: Places
    timestamps: Floats

    @classmethod
    def of(cls, cases: Sequence[Case], features: int) -> "Cases":
        sizes = np.array([len(case.numbers) for case in cases], dtype=np.intp)
        rows = [case.numbers for case in cases] or [np.empty((0, features), dtype=np.float32)]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)[: len(cases)]
        return cls(np.concatenate(rows), starts, sizes, np.array([case.timestamp for case in cases]))

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def owners(self) -> Places:
        """The case of each row."""
        return np.repeat(np.arange(len(self), dtype=np.intp), self.sizes)

    def part(self, first: int, last: int) -> "Cases":
        """The cases from `first` up to, not including, `last`."""
        starts, sizes = self.starts[first:last], self.sizes[first:last]
        begin = int(starts[0]) if starts.size else 0
        rows = self.numbers[begin : begin + int(sizes.sum())]
        return Cases(rows, starts - begin, sizes, self.timestamps[first:last])


class RecentCases:
    """The latest cases."""

    def __init__(self, features: int, most: int = MAX_CASES) -> None:
        self._features = features
        self._cases = deque[Case](maxlen=most)
        self.total = 0

    def add(self, case: Case) -> None:
        self._cases.append(case)
        self.total += 1

    def cases(self) -> Cases:
        return Cases.of(self._cases, self._features)


def sample(rng: np.random.Generator, chosen: int, others: Iterable[int]) -> Places:
    """The chosen place, then others, each as likely as the next: under a conditional logit, which of the others are
    left out changes nothing but the precision (McFadden 1978)."""
    rest = np.fromiter(others, dtype=np.intp)
    if rest.size >= MAX_CANDIDATES:
        rest = rng.choice(rest, MAX_CANDIDATES - 1, replace=False)
    return np.concatenate([[chosen], rest]).astype(np.intp)
