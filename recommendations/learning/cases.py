"""Training cases: the features of the open events when a user bet, and the event bet on."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from recommendations.offer.arrays import Floats, Floats32, Places

MAX_CASES = 6_000  # the latest
MAX_CANDIDATES = 40  # per case: the event bet on, and a random sample of the others


@dataclass(frozen=True, slots=True)
class Case:
    """A choice at `timestamp` (Unix seconds): `numbers` (candidates, features), the chosen one first."""

    timestamp: float
    numbers: Floats32


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """Cases in chronological order. Case i has `sizes[i]` rows of `numbers`, from `starts[i]` on; its first row is the
    chosen event."""

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
        """The index of each row's case."""
        return np.repeat(np.arange(len(self), dtype=np.intp), self.sizes)

    def part(self, first: int, last: int) -> "Cases":
        """The cases from `first` up to, not including, `last`."""
        starts, sizes = self.starts[first:last], self.sizes[first:last]
        begin = int(starts[0]) if starts.size else 0
        rows = self.numbers[begin : begin + int(sizes.sum())]
        return Cases(rows, starts - begin, sizes, self.timestamps[first:last])

    def thinned(self, candidates: int) -> "Cases":
        """The cases with at most this number of candidates each: the chosen one, and a random sample of the others."""
        order = np.random.default_rng(1).random(len(self.numbers))
        order[self.starts] = -1.0
        owners = self.owners
        ranked = np.lexsort((order, owners))
        kept = ranked[np.arange(len(owners)) - self.starts[owners] < candidates]
        sizes = np.minimum(self.sizes, candidates)
        starts = (np.cumsum(sizes) - sizes).astype(np.intp)
        return Cases(self.numbers[kept], starts, sizes, self.timestamps)


class RecentCases:
    """The latest cases, at most `maximum`."""

    def __init__(self, features: int, maximum: int = MAX_CASES) -> None:
        self._features = features
        self._cases = deque[Case](maxlen=maximum)

    def add(self, case: Case) -> None:
        self._cases.append(case)

    def cases(self) -> Cases:
        return Cases.of(self._cases, self._features)


def sample(rng: np.random.Generator, chosen: int, others: Iterable[int]) -> Places:
    """The chosen place, then a uniform sample of the others: under a conditional logit, sampling changes only the
    precision (McFadden 1978)."""
    rest = np.fromiter(others, dtype=np.intp)
    if rest.size >= MAX_CANDIDATES:
        rest = rng.choice(rest, MAX_CANDIDATES - 1, replace=False)
    return np.concatenate([[chosen], rest]).astype(np.intp)
