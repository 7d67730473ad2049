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
Codes = np.ndarray[Any, np.dtype[np.int32]]  # dictionary places of a column's values

BLOCK = 8_192
_GROUPS = 4  # groups of numbers for each of the k largest numbers
SORTED_AT_FIRST = 64  # places; nearly always all that a caller reads


def add_entries(totals: Floats, tables: Iterable[tuple[Codes, Floats]]) -> None:
    """Add to each total, of shape (n,), its entry of every table: `table[codes[i]]`, with codes of shape (n,)."""
    tables = list(tables)
    for begin in range(0, totals.size, BLOCK):
        block = slice(begin, begin + BLOCK)
        part = totals[block]
        for codes, table in tables:
            # `take` is twice as fast as table[codes], which first converts the codes to wider integers
            part += table.take(codes[block], mode="clip")


def best_first(scores: Floats, among: Mask | None = None) -> Iterator[int]:
    """Yield the places of these scores (with `among`, of those it marks) by descending score: equal scores in order of
    place, NaN last. They are sorted lazily."""
    rest, numbers, size = among, scores, SORTED_AT_FIRST
    # where `among` marks most places, leaving out the few others later costs less
    if among is not None and 2 * np.count_nonzero(among) < among.size:
        numbers = np.where(among, scores, -np.inf)
    while scores.size > size:
        edge = _lower_bound(numbers, size)
        if not edge > -np.inf:  # few places are left, or many scores are NaN
            break
        is_best = numbers >= edge
        places = is_best.nonzero()[0]
        yield from _sorted(scores, places if rest is None else places[rest[places]])
        rest = ~is_best if rest is None else rest & ~is_best
        size *= 1 if numbers is scores else 8  # of all scores, some may be of places that are left out
        numbers = np.where(rest, scores, -np.inf)
    yield from _sorted(scores, np.arange(scores.size) if rest is None else rest.nonzero()[0])


def _sorted(scores: Floats, places: Places) -> list[int]:
    in_order: list[int] = places[(-scores[places]).argsort(kind="stable")].tolist()  # NaN sorts last
    return in_order


def _lower_bound(numbers: Floats, k: int) -> float:
    """A bound that at least k of the numbers reach, and few others; NaN if many numbers are NaN. There are more than
    k."""
    groups = _GROUPS * k
    if numbers.size >= 2 * groups:
        # At least k of the numbers are as large as the k-th largest of the groups' maxima.
        numbers = numbers[: numbers.size // groups * groups].reshape(-1, groups).max(axis=0)
    return float(np.partition(numbers, numbers.size - k)[numbers.size - k])
