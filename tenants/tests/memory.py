"""Measures the memory that an action keeps."""

import tracemalloc
from collections.abc import Callable


def least_allocated(action: Callable[[int], object], *, before: Callable[[], object] = lambda: None) -> int:
    """The smallest number of bytes kept after one of three runs of `action`, which gets the run's number: the memory of
    other threads is traced too. `before`, called ahead of each run, is not traced."""
    return min(_allocated(action, number, before) for number in range(1, 4))


def _allocated(action: Callable[[int], object], number: int, before: Callable[[], object]) -> int:
    before()
    tracemalloc.start()
    try:
        action(number)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
