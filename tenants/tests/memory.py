"""How much memory stays after an action."""

import tracemalloc
from collections.abc import Callable


def least_kept(action: Callable[[int], object], *, before: Callable[[], object] = lambda: None) -> int:
    """The least number of bytes that stay after one of three runs, which are given their number: what other threads
    keep is traced, too. What `before` does ahead of each run is not."""
    return min(_kept(action, number, before) for number in range(1, 4))


def _kept(action: Callable[[int], object], number: int, before: Callable[[], object]) -> int:
    before()
    tracemalloc.start()
    try:
        action(number)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
