"""The array types of this app, and arithmetic on long arrays block by block, which fits the processor's cache: several
times as fast as whole arrays, and without temporary memory."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Floats32 = np.ndarray[Any, np.dtype[np.float32]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Ids = np.ndarray[Any, np.dtype[np.int64]]
Places = np.ndarray[Any, np.dtype[np.intp]]  # indices into another array
Codes = np.ndarray[Any, np.dtype[np.int32]]  # of a dictionary-encoded column

BLOCK = 8_192
_GROUPS = 8  # of numbers, for each of the k largest
SORTED_AT_FIRST = 64  # places; nearly always enough


def add_entries(totals: Floats, tables: Iterable[tuple[Codes, Floats]]) -> None:
    """Add to each total, of shape (n,), its entry of every table: `table[codes[i]]`, the codes being of shape (n,)."""
    tables = list(tables)
    for begin in range(0, totals.size, BLOCK):
        block = slice(begin, begin + BLOCK)
        part = totals[block]
        for codes, table in tables:
            # twice as fast as table[codes], which makes wider integers of them first
            part += table.take(codes[block], mode="clip")


def best_first(scores: Floats, among: Mask | None = None) -> Iterator[int]:
    """The places of these scores (all without `among`), the highest first, equal ones in order, NaN as the lowest;
    sorted lazily."""
    rest, size = among, SORTED_AT_FIRST
    while scores.size > size:
        numbers = scores if rest is None else np.where(rest, scores, -np.inf)
        edge = _reached(numbers, size)
        if not edge > -np.inf:  # few are left, or many are NaN
            break
        is_best = numbers >= edge
        yield from _sorted(scores, is_best.nonzero()[0])
        rest = ~is_best if rest is None else rest & ~is_best
        size *= 8
    yield from _sorted(scores, np.arange(scores.size) if rest is None else rest.nonzero()[0])


def _sorted(scores: Floats, places: Places) -> list[int]:
    in_order: list[int] = places[(-scores[places]).argsort(kind="stable")].tolist()  # NaN is last
    return in_order


def _reached(numbers: Floats, k: int) -> float:
    """A number that at least k of these, which are more, reach, and not many others; or NaN where some are."""
    groups = _GROUPS * k
    if numbers.size >= 2 * groups:
        # At least k of the numbers are as large as the k-th largest of the groups' maxima.
        numbers = numbers[: numbers.size // groups * groups].reshape(-1, groups).max(axis=0)
    return float(np.partition(numbers, numbers.size - k)[numbers.size - k])
