"""The array types of this app, and arithmetic on long arrays block by block, which fits the processor's cache: several
times as fast as whole arrays, and without temporary memory."""

from collections.abc import Iterable
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


def add_entries(totals: Floats, tables: Iterable[tuple[Codes, Floats]]) -> None:
    """Add to each total, of shape (n,), its entry of every table: `table[codes[i]]`, the codes being of shape (n,)."""
    tables = list(tables)
    for begin in range(0, totals.size, BLOCK):
        block = slice(begin, begin + BLOCK)
        part = totals[block]
        for codes, table in tables:
            # twice as fast as table[codes], which makes wider integers of them first
            part += table.take(codes[block], mode="clip")


def kth_largest(numbers: Floats, k: int) -> float:
    """The k-th largest of at least k numbers, none of which is NaN."""
    groups = _GROUPS * k
    if numbers.size >= 2 * groups:
        # At least k of the numbers are as large as the k-th largest of the groups' maxima.
        maxima = numbers[: numbers.size // groups * groups].reshape(-1, groups).max(axis=0)
        numbers = numbers[numbers >= np.partition(maxima, groups - k)[groups - k]]
    return float(np.partition(numbers, numbers.size - k)[numbers.size - k])
